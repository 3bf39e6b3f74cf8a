import { type Engine, ortNode, productsSaturate, reference, referenceWith } from '../src/engine/index.ts'

/** Whether the runtime's products of unsigned and signed codes saturate on the processor that runs the tests. */
export const saturatesHere = (): Promise<boolean> => productsSaturate(ortNode.name, ortNode.open)

/** The reference engine as the runtime answers on this processor. */
export const referenceHere = async (): Promise<Engine> =>
  (await saturatesHere()) ? referenceWith({ saturate16: true }) : reference
