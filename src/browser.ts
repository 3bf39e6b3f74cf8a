/**
 * Whetstone in a page, for bundlers: models from bytes and back, every pass, and sessions in onnxruntime-web. Nothing
 * in here reaches for Node, and a model never leaves the machine.
 *
 * @module
 */
export { ortWeb, setWasmFolder, webVersion } from './engine/ort-web.ts'
export { decodeModel, encodeModel, modelBytes, modelDigest, upgradeOpset } from './onnx/index.ts'
export { passes, simplifyPasses } from './passes/index.ts'
export { readBytes } from './platform/browser/files.ts'
export { UserError } from './platform/user-error.ts'
