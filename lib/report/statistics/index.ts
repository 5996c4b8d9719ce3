export {
  type Comparison,
  compareMethods,
  groupByPoint,
  metricNames,
  type ResultCell,
  type ResultRow,
  type ResultTable,
  resultTable,
  varyingOptions,
} from './results'
export { type BootstrapOptions, bootstrapInterval, quantile, type Summary, summarize } from './summary'
export { formatComparison, formatTable, type TableFormat, tableText } from './table'
export { holm, midRanks, pairedT, type RankResult, rankMethods, signedRank, type TestResult } from './tests'
