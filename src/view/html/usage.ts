import type { OptimizationReport } from '../../report/index.ts'
import { html, type Markup } from './markup.ts'

const TYPED: Readonly<Record<string, string>> = {
  float32: 'Float32Array',
  float64: 'Float64Array',
  int64: 'BigInt64Array',
  int32: 'Int32Array',
  uint8: 'Uint8Array',
  int8: 'Int8Array',
  bool: 'Uint8Array',
  float16: 'Uint16Array',
}

/** How to run the result, with the model's own input names. */
export function usage(report: OptimizationReport): Markup {
  const feeds = report.inputs.map((input) => {
    const dims = (input.shape ?? []).map((dim) => (typeof dim === 'number' ? dim : 1))
    const size = dims.reduce((product, dim) => product * dim, 1)
    return `${key(input.name)}: new ort.Tensor('${input.dtype}', new ${TYPED[input.dtype] ?? 'Float32Array'}(${size}), [${dims.join(', ')}])`
  })
  const output = report.outputs[0]?.name ?? 'output'
  const access = /^[A-Za-z_$][\w$]*$/.test(output) ? `.${output}` : `['${output}']`
  return html`<pre>import * as ort from 'onnxruntime-node'
const session = await ort.InferenceSession.create('model.onnx', { intraOpNumThreads: ${report.threads} })
const answer = (await session.run({ ${feeds.join(', ')} }))${access}.data</pre>
<p class="soft">Inputs and outputs are those of the original, in name, type and shape.</p>`
}

const key = (name: string) => (/^[A-Za-z_$][\w$]*$/.test(name) ? name : `'${name}'`)
