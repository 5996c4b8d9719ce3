export { chartElement, chartFile, chartStyle } from './chart'
export { csvField, type Figure, figureCsv, type Rule, type Series } from './figure'
export { type LayerRecord, type LayerState, layerView } from './layer-view'
export { type Report, type ReportClaim, type ReportSection, renderPage } from './page'
export {
  type ParticleSnapshot,
  type ParticleViewOptions,
  particleFigures,
  renderParticlePage,
} from './particle-view'
export { chartPng, type PngSize } from './png'
export { type SpectrumRecord, spectrumView } from './spectrum-view'
export * from './statistics'
export * from './study'
export { escapeMarkup, formatNumber, formatSeconds } from './text'
