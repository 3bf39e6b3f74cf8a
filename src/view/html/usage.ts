import type { OptimizationReport } from '../../report/index.ts'
import { html, type Markup } from './markup.ts'

/** The array of a tensor's elements, by its type. Halves go as their bits. */
const TYPED: Readonly<Record<string, string>> = {
  float32: 'Float32Array',
  float64: 'Float64Array',
  float16: 'Uint16Array',
  int64: 'BigInt64Array',
  uint64: 'BigUint64Array',
  int32: 'Int32Array',
  uint32: 'Uint32Array',
  int16: 'Int16Array',
  uint16: 'Uint16Array',
  int8: 'Int8Array',
  uint8: 'Uint8Array',
  bool: 'Uint8Array',
}

/** How to run the result in the runtime that it was measured in, with the model's own input names. */
export function usage(report: OptimizationReport): Markup {
  const feeds = report.inputs.map(({ name, dtype, shape }) => {
    // Of sizes that are open, those of a row that ran: not every model takes ones.
    const seen = report.example?.find((one) => one.name === name)
    const dims = seen?.shape ?? (shape ?? []).map((dim) => (typeof dim === 'number' ? dim : 1))
    const data = dataText(
      dtype,
      dims.reduce((product, dim) => product * dim, 1),
      seen?.value,
    )
    return `${isWord(name) ? name : JSON.stringify(name)}: new ort.Tensor('${dtype}', ${data}, [${dims.join(', ')}])`
  })
  const output = report.outputs[0]?.name ?? 'output'
  const access = isWord(output) ? `.${output}` : `[${JSON.stringify(output)}]`
  const [start, options] =
    report.target === 'web'
      ? [`import * as ort from 'onnxruntime-web/wasm'\nort.env.wasm.numThreads = ${report.threads}`, '']
      : [`import * as ort from 'onnxruntime-node'`, `, { intraOpNumThreads: ${report.threads} }`]
  return html`<pre>${start}
const session = await ort.InferenceSession.create('model.onnx'${options})
const inputs = {
${feeds.map((feed) => `  ${feed},\n`).join('')}}
const answer = (await session.run(inputs))${access}.data</pre>
<p class="soft">Inputs and outputs are those of the original, in name, type and shape.</p>`
}

/** Zeros, or the one number that the input has in all rows. */
function dataText(dtype: string, size: number, value: string | undefined): string {
  if (dtype === 'string') return value === undefined ? `Array(${size}).fill('')` : JSON.stringify([value])
  const array = TYPED[dtype] ?? 'Float32Array'
  if (value === undefined || dtype === 'float16') return `new ${array}(${size})`
  return `${array}.of(${value}${array.startsWith('Big') ? 'n' : ''})`
}

const isWord = (name: string) => /^[A-Za-z_$][\w$]*$/.test(name)
