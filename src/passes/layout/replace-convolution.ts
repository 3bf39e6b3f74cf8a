import type { Node } from '../../ir/index.ts'
import type { GraphEditor } from '../../rewrite/index.ts'

/** A convolution that makes other pixels than the one in whose place it stands, and what lays these as they were. */
interface OtherConvolution {
  readonly convolve: Node
  /** What an activation behind it makes. */
  readonly active: string
  /** Reads that, or what the convolution makes where there is no activation. */
  readonly laying: readonly Node[]
}

/** Puts it in the place of `node`; the activation stays right behind it, where the kernel takes it in. */
export function replaceConvolution(
  node: Node,
  activation: Node | undefined,
  { convolve, active, laying }: OtherConvolution,
  editor: GraphEditor,
): void {
  editor.replace(node, convolve, ...(activation ? [] : laying))
  if (!activation) return
  const inputs = [convolve.outputs[0]!, ...activation.inputs.slice(1)]
  editor.replace(activation, { ...activation, inputs, outputs: [active] }, ...laying)
}
