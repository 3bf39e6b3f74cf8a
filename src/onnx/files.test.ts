import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fromBinary, toBinary } from '@bufbuild/protobuf'
import { ModelProtoSchema } from 'onnx-buf'
import { beforeEach, expect, test } from 'vitest'
import { type Model, parseModel, type Tensor, tensorBytes, tensorOf } from '../ir/index.ts'
import { UserError } from '../platform/index.ts'
import { decodeModel, encodeChunks, encodeModel, modelBytes, modelDigest, readModel, writeModel } from './index.ts'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'whetstone-files-'))
})

const SIZES: Readonly<Record<string, number>> = { small: 10, middle: 5_000, large: 400_001, other: 300_000 }

/** A model whose weights are below and above every threshold, one of them inside an attribute. */
function weighty(): Model {
  const model = parseModel(`<ir_version: 8, opset_import: ["" : 17]> g (float[1] x) => (float[1] y)
    { k = Constant<value = float[1] {1}>() y = Add(x, k) }`)
  const tensors = Object.entries(SIZES).map(([name, size], i): [string, Tensor] => [
    name,
    tensorOf(
      'float32',
      [size],
      Float32Array.from({ length: size }, (_, j) => j + i / 8),
      name,
    ),
  ])
  const inAttribute = tensorOf('float32', [3_000], new Float32Array(3_000).fill(2))
  const nodes = model.graph.nodes.map((node) =>
    node.opType === 'Constant'
      ? { ...node, attributes: new Map([['value', { type: 'tensor', value: inAttribute } as const]]) }
      : node,
  )
  return { ...model, graph: { ...model.graph, nodes, initializers: new Map(tensors) } }
}

const weight = (model: Model, name: string) => Buffer.from(tensorBytes(model.graph.initializers.get(name)!))

test('streamed bytes are what a protobuf library writes for the same message', () => {
  const bytes = encodeModel(weighty())
  expect(Buffer.from(toBinary(ModelProtoSchema, fromBinary(ModelProtoSchema, bytes))).equals(bytes)).toBe(true)
  expect(Buffer.concat([...encodeChunks(weighty())]).equals(bytes)).toBe(true)
  expect(modelBytes(weighty())).toBe(bytes.length)
})

test('weights are slices of the file, in reading and in writing', () => {
  const bytes = encodeModel(weighty())
  const model = decodeModel(bytes)
  const large = tensorBytes(model.graph.initializers.get('large')!)
  expect(large.buffer).toBe(bytes.buffer)
  expect([...encodeChunks(model)].some((chunk) => chunk.buffer === bytes.buffer && chunk.length === large.length)).toBe(
    true,
  )
})

test('a file is written whole and read back equal', async () => {
  await writeModel(weighty(), join(folder, 'm.onnx'))
  expect(readdirSync(folder)).toEqual(['m.onnx'])
  expect(readFileSync(join(folder, 'm.onnx')).equals(encodeModel(weighty()))).toBe(true)
  expect(modelDigest(await readModel(join(folder, 'm.onnx')))).toBe(modelDigest(weighty()))
})

test('weights beside the model: aligned, equal, with the same digest, and back into one file', async () => {
  const path = join(folder, 'm.onnx')
  await writeModel(weighty(), path, { externalData: true })
  expect(readdirSync(folder).sort()).toEqual(['m.onnx', 'm.onnx.data'])
  expect(statSync(path).size).toBeLessThan(2_000)
  const model = await readModel(path)
  for (const name of Object.keys(SIZES)) expect(weight(model, name).equals(weight(weighty(), name))).toBe(true)
  const offsets = ['middle', 'large', 'other'].map((name) => {
    const { data } = model.graph.initializers.get(name)!
    return data.form === 'external' ? Number(new Map(data.entries).get('offset')) : Number.NaN
  })
  expect(offsets.map((offset, i) => offset % (i === 0 ? 64 : 65_536))).toEqual([0, 0, 0])
  expect(modelDigest(model)).toBe(modelDigest(weighty()))
  expect(modelBytes(model)).toBe(modelBytes(weighty()))

  // Over the very files that the weights are still read from.
  await writeModel(model, path, { externalData: true })
  expect(modelDigest(await readModel(path))).toBe(modelDigest(weighty()))
  await writeModel(await readModel(path), join(folder, 'one.onnx'))
  expect(readFileSync(join(folder, 'one.onnx')).equals(encodeModel(weighty()))).toBe(true)
})

test('the digest tells weights apart, and says the same every time', () => {
  const model = weighty()
  const other = new Map(model.graph.initializers).set('small', tensorOf('float32', [10], new Float32Array(10)))
  expect(modelDigest(model)).toMatch(/^sha256:[0-9a-f]{64}$/)
  expect(modelDigest({ ...model, graph: { ...model.graph, initializers: other } })).not.toBe(modelDigest(model))
})

test('a weight that cannot be read leaves nothing behind and keeps what was there', async () => {
  const path = join(folder, 'm.onnx')
  await writeModel(weighty(), path)
  const before = readFileSync(path)
  const torn: Tensor = {
    ...tensorOf('float32', [1], [0], 'torn'),
    dims: [2_000_000],
    data: {
      form: 'raw',
      bytes: {
        byteLength: 8_000_000,
        read() {
          throw new UserError('bad-data', 'gone')
        },
      },
    },
  }
  const model = weighty()
  const initializers = new Map(model.graph.initializers).set('torn', torn)
  for (const externalData of [false, true])
    await expect(
      writeModel({ ...model, graph: { ...model.graph, initializers } }, path, { externalData }),
    ).rejects.toThrow('gone')
  expect(readdirSync(folder)).toEqual(['m.onnx'])
  expect(readFileSync(path).equals(before)).toBe(true)
})

test('a folder that is missing, or a name that is a folder, is explained', async () => {
  const missing = await writeModel(weighty(), join(folder, 'no', 'm.onnx')).catch((error) => error)
  expect([missing.code, missing.hint]).toEqual(['unwritable', 'make the folder first, or choose another'])
  mkdirSync(join(folder, 'dir'))
  const isFolder = await writeModel(weighty(), join(folder, 'dir')).catch((error) => error)
  expect(isFolder).toBeInstanceOf(UserError)
  expect(readdirSync(folder)).toEqual(['dir'])
  expect(existsSync(join(folder, 'dir', 'm.onnx'))).toBe(false)
})

test('what is not understood survives changes by spread', () => {
  const text = '<ir_version: 8, opset_import: ["" : 17]> g (float[N] x) => (float[N] y) { y = Abs(x) }'
  const message = fromBinary(ModelProtoSchema, encodeModel(parseModel(text)))
  const unknown = (no: number) => [{ no, wireType: 0, data: Uint8Array.of(7) }]
  message.opsetImport[0]!.domain = 'ai.onnx'
  message.graph!.node[0]!.domain = 'ai.onnx'
  message.$unknown = unknown(901)
  message.graph!.$unknown = unknown(902)
  message.graph!.node[0]!.$unknown = unknown(903)
  message.graph!.input[0]!.type!.denotation = 'IMAGE'
  const bytes = toBinary(ModelProtoSchema, message)
  const model = decodeModel(bytes)
  expect(Buffer.from(encodeModel(model)).equals(bytes)).toBe(true)
  expect([model.opsets.get(''), model.graph.nodes[0]!.domain]).toEqual([17, ''])

  const nodes = model.graph.nodes.map((node) => ({ ...node, opType: 'Neg', name: 'n' }))
  const inputs = model.graph.inputs.map((input) => ({ ...input, name: 'z' }))
  const changed = { ...model, opsets: new Map([['', 18]]), graph: { ...model.graph, nodes, inputs } }
  const again = fromBinary(ModelProtoSchema, encodeModel(changed))
  expect([again.$unknown, again.graph!.$unknown, again.graph!.node[0]!.$unknown]).toEqual([901, 902, 903].map(unknown))
  expect([again.graph!.node[0]!.opType, again.graph!.node[0]!.domain]).toEqual(['Neg', 'ai.onnx'])
  expect([again.graph!.input[0]!.name, again.graph!.input[0]!.type!.denotation]).toEqual(['z', 'IMAGE'])
  expect(again.opsetImport).toMatchObject([{ domain: 'ai.onnx', version: 18n }])
})
