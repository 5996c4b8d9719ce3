/** Studies and models in the formats of others. */
export { trialsCsv } from './csv'
export { exportOnnx } from './onnx'
export { type ExportFormat, exportFormats, exportStudy } from './study'
export { eventFile, type ScalarEvent } from './tensorboard'
