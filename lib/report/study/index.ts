export { abscissas, certificateFigure, curveFigure, curveGroups, ordinates } from './curves'
export { type Importance, importance } from './importance'
export { type PageObjective, renderStudyContent, renderStudyPage, type StudyPageOptions } from './page'
