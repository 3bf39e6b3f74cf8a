export { type DecodeOptions, decodeModel, decodeTensorFile } from './decode-model.ts'
export { type EncodeOptions, encodeChunks, encodeModel, modelBytes, modelDigest } from './encode-model.ts'
export { readModel, type WriteOptions, writeModel } from './files.ts'
export { OLDEST_OPSET, TARGET_OPSET, type UpgradeReport, upgradeOpset } from './upgrade/upgrade-opset.ts'
