export { judgeAgreement, staysClose } from './agreement.ts'
export * from './attack/index.ts'
export * from './batch-invariance.ts'
export * from './calibration/index.ts'
export { type CompareOptions, compare } from './compare.ts'
export { type DecoderFeeds, decoderFeeds } from './feeds/decoder-feeds.ts'
export * from './feeds/feeds.ts'
export { fixedRows, requireOpenRows } from './feeds/fixed-rows.ts'
export * from './feeds/random-feeds.ts'
export { type AskedWindows, sampleWindows, type WindowSample } from './feeds/window-samples.ts'
export { gainStory, sizeChange } from './gain-story.ts'
export * from './gate/index.ts'
export * from './judge/judge.ts'
export { labelDoubts } from './label-doubts.ts'
export * from './load/index.ts'
export * from './load/latency.ts'
export { marginDoubts } from './margin-doubts.ts'
export * from './metric/calibration-error.ts'
export { balancedAccuracy, type ClassOptions, macroF1, topK } from './metric/classification.ts'
export {
  type DetectionOptions,
  decoders,
  detectionNamed,
  detectionPrecision,
  detectionsOf,
} from './metric/detection.ts'
export { type EmbeddingOptions, rankCorrelation, recallAt } from './metric/embedding.ts'
export { type LanguageOptions, nextToken, perplexity } from './metric/language.ts'
export * from './metric/metric.ts'
export { asMetric, type MetricOptions, metricNamed, metrics } from './metric/metrics.ts'
export { leastOfClass1 } from './metric/one-score.ts'
export { asLogits, brierScore, el2n, logLoss, softmax } from './metric/probabilities.ts'
export { brier, calibrationError, negativeLogLikelihood, riskCoverage } from './metric/probability.ts'
export * from './metric/ranked-scores.ts'
export { areaUnderPrecisionRecall, areaUnderRoc, equalError } from './metric/ranking.ts'
export { meanAbsoluteError, type RegressionOptions, rootMeanSquaredError, rSquared } from './metric/regression.ts'
export { requireLabel } from './metric/row-labels.ts'
export { meanDice, meanIoU } from './metric/segmentation.ts'
export { characterErrorRate, ctcDecode, exactMatch, type TextOptions, wordErrorRate } from './metric/text.ts'
export { type ChannelOptions, type ChannelSession, measureChannels } from './noise/channels.ts'
export { CLOSE_AGREEMENT, CLOSE_DB } from './noise/close.ts'
export * from './noise/equivalence.ts'
export { foretell, type Odds } from './noise/foretell.ts'
export type { LouderMixture } from './noise/foretell-boxes.ts'
export { GramSums, openProducts } from './noise/gram.ts'
export {
  askedWords,
  heard,
  isCutOff,
  keptWords,
  lowestSqnrDb,
  measured,
  noiseRows,
  typicalSqnrDb,
  worstOutput,
} from './noise/lowest-sqnr.ts'
export * from './noise/moments.ts'
export { measureRangesAndChannels, type RangesAndChannels } from './noise/ranges-and-channels.ts'
export * from './noise/sensitivity.ts'
export * from './noise/sqnr.ts'
export * from './noise/sqnr-layers.ts'
export * from './noise/tolerance.ts'
export { oddLabels } from './odd-labels.ts'
export { orderDoubts } from './order-doubts.ts'
export { argmax } from './outputs/row-outputs.ts'
export * from './predict.ts'
export * from './robustness/index.ts'
export { pictureOf, type RowPicture, rowPictures } from './row-pictures.ts'
