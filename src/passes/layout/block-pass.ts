import type { Node } from '../../ir/index.ts'
import { CHANNEL_BLOCKS, type ChannelBlock, exactly, oneOf, optional } from '../../report/index.ts'
import { BLOCK, type Pass, type RuleContext, type RuleOutcome, runRules } from '../../rewrite/index.ts'

/** What a pass that lays channels in blocks goes by. */
export interface BlockOptions {
  /** Channels that blocked kernels compute at once where the model shall run; 16 unless told. */
  readonly block?: ChannelBlock
}

export const blockOption = optional(oneOf(...CHANNEL_BLOCKS))

/** A pass of one rule, which is told how many channels a block has. */
export function blockPass(
  id: string,
  summary: string,
  {
    roots,
    apply,
  }: { readonly roots: readonly string[]; apply(node: Node, context: RuleContext, block: ChannelBlock): RuleOutcome },
): Pass<BlockOptions> {
  return {
    id,
    summary,
    options: exactly<BlockOptions>({ block: blockOption }),
    run: (model, { block = BLOCK }: BlockOptions) =>
      runRules(model, id, [{ roots, apply: (node, context) => apply(node, context, block) }]),
  }
}
