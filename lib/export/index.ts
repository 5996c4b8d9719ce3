/** Studies in the formats of others: CSV, Parquet, TensorBoard. */
export { trialsCsv } from './csv'
export { type ExportFormat, exportFormats, exportStudy } from './study'
export { eventFile, type ScalarEvent } from './tensorboard'
