export { chartElement, chartFile, chartStyle } from './chart'
export { csvField, type Figure, figureCsv, type Rule, type Series } from './figure'
export { type Report, type ReportClaim, type ReportSection, renderPage } from './page'
export { escapeMarkup, formatNumber, formatSeconds } from './text'
