export { type DecodeOptions, decodeModel } from './decode-model.ts'
export { type EncodeOptions, encodeChunks, encodeModel, modelBytes, modelDigest } from './encode-model.ts'
export { readModel, type WriteOptions, writeModel } from './files.ts'
