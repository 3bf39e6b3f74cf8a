import { IN_BLOCKS } from '../../passes/index.ts'
import type { ChannelBlock } from '../../report/index.ts'
import { BLOCK } from '../../rewrite/index.ts'
import type { Step } from '../trail.ts'

/** The steps of passes for kernels with blocks of so many channels; said in the recipe, which then needs no machine. */
export const layoutSteps = (passes: readonly string[], block: ChannelBlock): readonly Step[] =>
  passes.map((pass) => (block !== BLOCK && IN_BLOCKS.has(pass) ? { pass, options: { block } } : { pass }))
