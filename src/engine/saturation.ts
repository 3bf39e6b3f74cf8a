import { type Model, parseModel } from '../ir/index.ts'
import type { Feeds, Session } from './session.ts'

const [DEPTH, CHANNELS, ROWS, SIDE] = [64, 16, 4, 3]
const [CODE, WEIGHT] = [255, 127]
const codes = (count: number) => `{${Array(count).fill(WEIGHT).join(', ')}}`

/** A product and a convolution of full codes, as static and dynamic integers have them: unsigned by signed. */
const question = (): Model =>
  parseModel(`<ir_version: 8, opset_import: ["" : 13]>
  saturation (uint8[${ROWS}, ${DEPTH}] a, uint8[1, ${CHANNELS}, ${SIDE}, ${SIDE}] x)
    => (int32[${ROWS}, ${CHANNELS}] product, uint8[1, ${CHANNELS}, ${SIDE}, ${SIDE}] convolution)
  <int8[${DEPTH}, ${CHANNELS}] b = ${codes(DEPTH * CHANNELS)},
   int8[${CHANNELS}, ${CHANNELS}, 1, 1] w = ${codes(CHANNELS * CHANNELS)},
   float one = {1.0}, float step = {4096.0}, uint8 none = {0}, int8 zero = {0}>
  {
    product = MatMulInteger(a, b)
    convolution = QLinearConv(x, one, none, w, one, zero, step, none)
  }`)

const full = (dims: readonly number[]): Feeds[string] => ({
  dtype: 'uint8',
  dims,
  data: new Uint8Array(dims.reduce((product, size) => product * size, 1)).fill(CODE),
})

/** Exact answers: 64 · 255 · 127, and 16 · 255 · 127 in steps of 4096. */
const PRODUCT = DEPTH * CODE * WEIGHT
const CONVOLUTION = Math.round((CHANNELS * CODE * WEIGHT) / 4096)

const answers = new Map<string, Promise<boolean>>()

/**
 * Whether a runtime, as it runs on this machine, adds two neighbouring products of an unsigned and a signed 8-bit code in
 * 16 bits, where they saturate: x86 kernels without VNNI do. Found out by running products whose exact sums are known,
 * once in this process for each runtime.
 *
 * @param runtime Its name and version.
 * @param open Opens a model there.
 * @throws UserError where it cannot run them.
 */
export function productsSaturate(runtime: string, open: (model: Model) => Promise<Session>): Promise<boolean> {
  const known = answers.get(runtime)
  if (known) return known
  const asked = ask(open)
  answers.set(runtime, asked)
  asked.catch(() => answers.delete(runtime))
  return asked
}

async function ask(open: (model: Model) => Promise<Session>): Promise<boolean> {
  const session = await open(question())
  try {
    const { product, convolution } = await session.run({
      a: full([ROWS, DEPTH]),
      x: full([1, CHANNELS, SIDE, SIDE]),
    })
    const differs = (data: ArrayLike<unknown>, exact: number) => Array.from(data).some((value) => value !== exact)
    return differs(product!.data, PRODUCT) || differs(convolution!.data, CONVOLUTION)
  } finally {
    await session.close()
  }
}
