export * from './arrivals.ts'
export {
  bytesIn,
  bytesOfValue,
  eachString,
  inOne,
  joinStrings,
  readStrings,
  stringBounds,
  valueOfBytes,
  writeStrings,
} from './byte-values.ts'
export * from './feeds.ts'
export { comingFrom, GRAPH_REFUSED } from './feeds-origin.ts'
export { areFinite } from './inner-values.ts'
export * from './isolation.ts'
export * from './lanes.ts'
export * from './ort-node.ts'
export { browserRuntime, openInBrowser } from './ort-node-browser.ts'
export { channelBlock } from './ort-node-channel-block.ts'
export { type IsolatedPlacement, openIsolated } from './ort-node-isolated.ts'
export { type StartLanesOptions, startLanes } from './ort-node-lanes.ts'
export { limitsAreFaster } from './ort-node-limits.ts'
export { type Machine, machine } from './ort-node-machine.ts'
export { type Difference, type ModelPair, openPair } from './ort-node-pair.ts'
export { allowedCores } from './ort-node-pin.ts'
export { type Placed, placeFile } from './ort-node-place.ts'
export { type RuntimeProcesses, startRuntimes } from './ort-node-processes.ts'
export { countOperators } from './ort-node-profile.ts'
export type { ConfigKey, OrtSessionOptions, RuntimeConfig } from './ort-options.ts'
export type { OrtSession } from './ort-session.ts'
export { ortWeb, requireWeb, setWasmFolder, WEB_PACKAGE, webVersion } from './ort-web.ts'
export { inputsOf, leftUnseen, omittedOutputs } from './ports.ts'
export { type ReferenceOptions, reference, referenceWith } from './reference.ts'
export { productsSaturate } from './saturation.ts'
export * from './session.ts'
