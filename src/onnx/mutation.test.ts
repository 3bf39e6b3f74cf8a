import { fromBinary, toBinary } from '@bufbuild/protobuf'
import { ModelProtoSchema } from 'onnx-buf'
import { expect, test } from 'vitest'
import { checkModel, inferTypes, type Model, parseModel, tensorOf } from '../ir/index.ts'
import { UserError } from '../platform/index.ts'
import { decodeModel, encodeModel, modelDigest, upgradeOpset } from './index.ts'

const MUTATIONS = 12_000
const SLOWEST_MS = 2_000
/** Far above what decoding small files takes, far below what a believed lie about a size would. */
const MOST_GROWTH = 1 << 29

const sources: readonly Uint8Array[] = [
  `<ir_version: 8, opset_import: ["" : 17, "com.microsoft" : 1], producer_name: "mutation">
    conv (float[N,3,8,8] x) => (float[N,4,8,8] y)
    <float[4,3,1,1] w = {1,2,3,4,5,6,7,8,9,10,11,12}, int64[2] shape = {0, -1}>
    { a = Conv<pads = [0,0,0,0], auto_pad = "NOTSET">(x, w) b = com.microsoft.QuickGelu<alpha = 1.5>(a) y = Relu(b) }`,
  `<ir_version: 10, opset_import: ["" : 21]> branches (bool c, float[2,3] x) => (float[2,3] y)
    { y = If(c) <then_branch = t () => (float[2,3] p) { p = Neg(x) },
                 else_branch = e () => (float[2,3] q) { k = Constant<value = float[2,3] {1,2,3,4,5,6}>() q = Add(x, k) }> }`,
  `<ir_version: 8, opset_import: ["" : 12, "own" : 1]> call (float[2,3] x) => (float[2] y) { y = own.f(x) }
    <domain: "own", opset_import: ["" : 12]> f (a) => (b) { s = Softmax(a) b = ReduceSum<axes = [1], keepdims = 0>(s) }`,
]
  .map((text) => encodeModel(parseModel(text)))
  .concat(encodeModel(withManyTypes()))

function withManyTypes(): Model {
  const model = parseModel('<ir_version: 3, opset_import: ["" : 7]> g (float[1] x) => (float[1] y) { y = Abs(x) }')
  const tensors = [
    tensorOf('int8', [3], [1, 2, 3], 'a'),
    { ...tensorOf('float16', [2], [1, 2], 'b'), docString: 'half' },
    tensorOf('uint64', [1], [5], 'c'),
    { name: 'd', dtype: 'string', dims: [1], data: { form: 'strings', values: [Uint8Array.of(104, 105)] } },
  ] as const
  return { ...model, graph: { ...model.graph, initializers: new Map(tensors.map((tensor) => [tensor.name, tensor])) } }
}

/** Numbers below `below`, from Lehmer's generator with the multiplier of Park and Miller. */
function generator(seed: number) {
  let state = seed
  return (below: number) => {
    state = (state * 48271) % 2147483647
    return state % below
  }
}

type Random = (below: number) => number
const VARINTS = [
  [0xff, 0xff, 0xff, 0xff, 0x0f],
  [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01],
  [0x80],
  [0],
]

/** Wrong values in a right encoding: one field somewhere is emptied, doubled, reordered or given an extreme value. */
function changeField(bytes: Uint8Array, random: Random): Uint8Array {
  const root = fromBinary(ModelProtoSchema, bytes)
  const found: Record<string, unknown>[] = []
  const visit = (value: unknown) => {
    if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return
    if ('$typeName' in value) found.push(value as Record<string, unknown>)
    for (const inner of Object.values(value)) visit(inner)
  }
  visit(root)
  const message = found[random(found.length)]!
  const fields = Object.keys(message).filter((field) => field !== '$typeName')
  const field = fields[random(fields.length)]!
  const pick = <T>(...values: readonly T[]): T => values[random(values.length)]!
  const old = message[field]
  if (typeof old === 'bigint') message[field] = pick(-1n, 0n, 1n, 2n, 1n << 31n, 1n << 40n, (1n << 63n) - 1n)
  else if (typeof old === 'number') message[field] = pick(0, 1, 2, 7, 8, 10, 22, 99, -1, 2 ** 31 - 1)
  else if (typeof old === 'string')
    message[field] = pick('', 'x', 'y', 'w', 'ai.onnx', 'Softmax', 'Resize', 'Slice', 'Loop')
  else if (old instanceof Uint8Array)
    message[field] = pick(old.slice(1), new Uint8Array(0), new Uint8Array(old.length + 1))
  else if (Array.isArray(old))
    message[field] = pick<unknown[]>([], [...old, ...old], [...old].reverse(), old.slice(1), dimensions(random, old))
  else if (old !== undefined && !('case' in (old as object))) delete message[field]
  else if (old !== undefined) message[field] = { case: undefined }
  return toBinary(ModelProtoSchema, root)
}

/** Lists of numbers become dimensions that lie; other lists stay. */
function dimensions(random: Random, old: readonly unknown[]): unknown[] {
  if (typeof old[0] !== 'bigint') return [...old]
  return Array.from({ length: 1 + random(5) }, () => [0n, 1n, 2n, 3n, 1n << 24n, 1n << 48n, -2n][random(7)])
}

const MUTATORS: readonly ((bytes: Uint8Array, random: Random) => Uint8Array)[] = [
  function flipBits(bytes, random) {
    const out = bytes.slice()
    for (let i = random(4); i >= 0; i--) out[random(out.length)]! ^= 1 << random(8)
    return out
  },
  function truncate(bytes, random) {
    return bytes.slice(0, random(bytes.length))
  },
  // Any byte may be a length, a count, a dimension or a type.
  function tamper(bytes, random) {
    const out = bytes.slice()
    out[random(out.length)] = [0, 1, 0x7f, 0x80, 0xff, random(256)][random(6)]!
    return out
  },
  function overwriteWithVarint(bytes, random) {
    const out = bytes.slice()
    const varint = VARINTS[random(VARINTS.length)]!
    out.set(varint.slice(0, out.length), random(Math.max(1, out.length - varint.length)))
    return out
  },
  function insert(bytes, random) {
    const at = random(bytes.length)
    const more = Array.from({ length: 1 + random(12) }, () => random(256))
    return Uint8Array.of(...bytes.subarray(0, at), ...more, ...bytes.subarray(at))
  },
  function duplicate(bytes, random) {
    const from = random(bytes.length)
    const part = bytes.subarray(from, from + 1 + random(40))
    const at = random(bytes.length)
    return Uint8Array.of(...bytes.subarray(0, at), ...part, ...bytes.subarray(at))
  },
  ...Array<typeof changeField>(6).fill(changeField),
  function remove(bytes, random) {
    const at = random(bytes.length)
    return Uint8Array.of(...bytes.subarray(0, at), ...bytes.subarray(at + 1 + random(8)))
  },
]

/** What happens to one file: read and everything done with it, or refused cleanly. Any other error fails the test. */
function fate(bytes: Uint8Array): 'read' | 'refused' {
  let model: Model
  try {
    model = decodeModel(bytes)
  } catch (error) {
    if (error instanceof UserError && error.code === 'bad-model') return 'refused'
    throw error
  }
  try {
    const again = encodeModel(model)
    // Not always the bytes that came (fields may stand in another order), but the same from here on.
    // (Compared without `expect`, which takes a hundred times as long.)
    if (!Buffer.from(again).equals(encodeModel(decodeModel(again)))) throw new Error('the bytes changed once more')
    modelDigest(model)
  } catch (error) {
    // Embedding external data that is not there is the only thing that may still be refused.
    if (!(error instanceof UserError)) throw error
  }
  checkModel(model)
  inferTypes(model)
  upgradeOpset(model)
  return 'read'
}

test(`${MUTATIONS} damaged files are read or refused cleanly, each soon and in little memory`, () => {
  const random = generator(20260)
  const counts = { read: 0, refused: 0 }
  const before = process.memoryUsage.rss()
  let slowest = 0
  for (let i = 0; i < MUTATIONS; i++) {
    const source = sources[i % sources.length]!
    const bytes = MUTATORS[random(MUTATORS.length)]!(source, random)
    const started = performance.now()
    try {
      counts[fate(bytes)]++
    } catch (error) {
      throw new Error(`file ${i}: ${Buffer.from(bytes).toString('base64')}`, { cause: error })
    }
    slowest = Math.max(slowest, performance.now() - started)
  }
  expect(slowest).toBeLessThan(SLOWEST_MS)
  expect(process.memoryUsage.rss() - before).toBeLessThan(MOST_GROWTH)
  expect(counts.read).toBeGreaterThan(MUTATIONS / 5)
  expect(counts.refused).toBeGreaterThan(MUTATIONS / 5)
})
