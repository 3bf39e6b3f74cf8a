/**
 * Whetstone as a library. It mirrors the command's verbs: everything here is async where it measures, never prints and
 * never exits. The pure parts stand alone under `whetstone/ir`, `whetstone/passes`, `whetstone/statistics`, …
 *
 * @module
 */
export { openDataset } from './data/index.ts'
export { decodeModel, encodeModel, readModel, writeModel } from './onnx/index.ts'
export { UserError } from './platform/index.ts'
export {
  applyRecipe as apply,
  attack,
  bench,
  compareModels as compare,
  distil,
  inspect,
  prune,
  quantize,
  robustness,
  selectModels as select,
  simplify,
  tune,
} from './recipe/index.ts'
export { optimize } from './search/index.ts'
export { openStore } from './store/index.ts'
export { renderHtml, renderTerminal } from './view/index.ts'
