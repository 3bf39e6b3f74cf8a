import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf'
import { type GraphProtoSchema, AttributeProto_AttributeType as Kind, ModelProtoSchema } from 'onnx-buf'
import { describe, expect, test } from 'vitest'
import { DTYPES, type Model, tensorBytes, tensorValues } from '../ir/index.ts'
import { decodeModel, encodeModel } from './index.ts'

type GraphInit = MessageInitShape<typeof GraphProtoSchema>
type ModelInit = MessageInitShape<typeof ModelProtoSchema>

const file = (graph: GraphInit, more: ModelInit = {}) =>
  toBinary(
    ModelProtoSchema,
    create(ModelProtoSchema, {
      irVersion: 10n,
      opsetImport: [{ domain: '', version: 21n }],
      graph: { name: 'g', ...graph },
      ...more,
    } as ModelInit),
  )

/** The model, once its bytes were seen to come back. */
function survives(bytes: Uint8Array): Model {
  const model = decodeModel(bytes)
  expect(Buffer.from(encodeModel(model)).equals(bytes)).toBe(true)
  // A copy by spread says the same.
  const copy = { ...model, graph: { ...model.graph, nodes: model.graph.nodes.map((node) => ({ ...node })) } }
  expect(Buffer.from(encodeModel(copy)).equals(bytes)).toBe(true)
  return model
}

const tensor = (values: Readonly<Record<string, unknown>>) => file({ initializer: [{ name: 'w', ...values }] })
const onlyTensor = (model: Model) => model.graph.initializers.get('w')!

describe('elements in typed fields read as packed bytes and go back to their field', () => {
  test.each([
    ['float32', { floatData: [1.5, -2] }, 2, [1.5, -2]],
    ['complex64', { floatData: [1, 2, 3, 4] }, 2, [1, 2, 3, 4]],
    ['float64', { doubleData: [0.1] }, 1, [0.1]],
    ['int64', { int64Data: [-(1n << 63n), 5n] }, 2, [-(1n << 63n), 5n]],
    ['uint64', { uint64Data: [(1n << 64n) - 1n] }, 1, [(1n << 64n) - 1n]],
    ['uint32', { uint64Data: [(1n << 32n) - 1n] }, 1, [2 ** 32 - 1]],
    ['int32', { int32Data: [-7] }, 1, [-7]],
    ['int16', { int32Data: [-7] }, 1, [-7]],
    ['uint16', { int32Data: [65_535] }, 1, [65_535]],
    ['int8', { int32Data: [-7] }, 1, [-7]],
    ['uint8', { int32Data: [200] }, 1, [200]],
    ['bool', { int32Data: [1, 0] }, 2, [1, 0]],
    ['bool', { int32Data: [256, 0] }, 2, [1, 0]],
    ['float16', { int32Data: [0x3c00] }, 1, [0x3c00]],
    ['bfloat16', { int32Data: [0x3f80] }, 1, [0x3f80]],
    ['float8e4m3fn', { int32Data: [0x38] }, 1, [0x38]],
    ['uint4', { int32Data: [0x21, 3] }, 3, [0x21, 3]],
    ['int4', { int32Data: [0xf1] }, 2, [0xf1]],
    ['uint2', { int32Data: [0b11100100] }, 4, [0b11100100]],
  ] as const)('%s', (dtype, fields, count, expected) => {
    const bytes = tensor({ dims: [BigInt(count)], dataType: DTYPES[dtype].code, ...fields })
    const model = survives(bytes)
    expect(onlyTensor(model).data.form).toBe('typed')
    expect(Array.from<number | bigint>(tensorValues(onlyTensor(model)))).toEqual(expected)
    // Also when somebody has looked at the elements in between.
    expect(Buffer.from(encodeModel(model)).equals(bytes)).toBe(true)
  })

  test('entries that the type cannot hold stay as they came', () => {
    const bytes = tensor({ dims: [2n], dataType: DTYPES.uint8.code, int32Data: [300, -1] })
    const model = survives(bytes)
    expect([...tensorBytes(onlyTensor(model))]).toEqual([44, 255])
    expect(Buffer.from(encodeModel(model)).equals(bytes)).toBe(true)
  })
})

describe('what the model value does not say is kept', () => {
  test('a tensor of a type of the future', () => {
    const model = survives(tensor({ dims: [3n], dataType: 77, int32Data: [1, 2, 3] }))
    expect(onlyTensor(model).dtype).toBe('undefined')
  })

  test('segments, metadata and documentation of tensors', () => {
    const more = { segment: { begin: 0n, end: 2n }, docString: 'd', metadataProps: [{ key: 'k', value: 'v' }] }
    survives(tensor({ dims: [2n], dataType: 2, rawData: new Uint8Array(2), ...more }))
  })

  test('an empty tensor with, and one without, raw data', () => {
    survives(tensor({ dims: [0n], dataType: 1, rawData: new Uint8Array(0) }))
    survives(tensor({ dims: [0n], dataType: 1 }))
  })

  test('initializers, attributes and value types of one name: the last counts, all come back', () => {
    const one = (value: number) => ({ name: 'w', dims: [1n], dataType: 2, rawData: Uint8Array.of(value) })
    const model = survives(
      file({
        initializer: [one(1), { ...one(5), name: 'v' }, one(2)],
        valueInfo: [{ name: 'a' }, { name: 'b' }, { name: 'a', docString: 'later' }],
        node: [
          {
            opType: 'Op',
            attribute: [
              { name: 'k', type: Kind.INT, i: 1n },
              { name: 'l', type: Kind.INT, i: 2n },
              { name: 'k', type: Kind.INT, i: 3n },
            ],
          },
        ],
      }),
    )
    expect([...tensorBytes(onlyTensor(model))]).toEqual([2])
    expect(model.graph.nodes[0]!.attributes.get('k')).toMatchObject({ type: 'int', value: 3n })
  })

  test('attributes: without a type, of an unknown type, a reference, with a stray second value', () => {
    const model = survives(
      file({
        node: [
          {
            opType: 'Op',
            attribute: [
              { name: 'old', f: 2.5 },
              { name: 'nothing' },
              { name: 'ref', type: Kind.FLOAT, refAttrName: 'outer' },
              { name: 'stray', type: Kind.FLOAT, f: 1, i: 4n },
              { name: 'bytes', type: Kind.STRING, s: Uint8Array.of(0xff, 0xfe) },
              { name: 'empty', type: Kind.INTS },
            ],
          },
        ],
      }),
    )
    const { attributes } = model.graph.nodes[0]!
    expect([...attributes.values()].map(({ type }) => type)).toEqual([
      'float',
      'undefined',
      'ref',
      'float',
      'string',
      'ints',
    ])
    expect(attributes.get('bytes')).toMatchObject({ value: Uint8Array.of(0xff, 0xfe) })
  })

  test('training, devices, quantization annotations, denotations, two spellings of one domain', () => {
    const model = survives(
      file(
        {
          quantizationAnnotation: [
            { tensorName: 'x', quantParameterTensorNames: [{ key: 'SCALE_TENSOR', value: 's' }] },
          ],
          node: [{ opType: 'Abs', domain: 'ai.onnx', deviceConfigurations: [{ configurationId: 'c' }] }],
          input: [
            {
              name: 'x',
              type: {
                denotation: 'IMAGE',
                value: {
                  case: 'tensorType',
                  value: {
                    elemType: 1,
                    shape: {
                      dim: [
                        { value: { case: 'dimValue', value: -1n }, denotation: 'DATA_BATCH' },
                        { value: { case: 'dimParam', value: '' } },
                        {},
                      ],
                    },
                  },
                },
              },
            },
          ],
        },
        {
          opsetImport: [
            { domain: 'ai.onnx', version: 20n },
            { domain: '', version: 21n },
          ],
          trainingInfo: [{ algorithm: { name: 'a' } }],
          configuration: [{ name: 'c', numDevices: 2 }],
          producerVersion: '',
        },
      ),
    )
    expect([...model.opsets]).toEqual([['', 21]])
    expect(model.graph.inputs[0]!.type).toMatchObject({ shape: [null, null, null] })
  })

  test('sequences, maps, optionals and sparse tensors, also half said', () => {
    const float = { value: { case: 'tensorType', value: { elemType: 1 } } } as const
    const model = survives(
      file({
        input: [
          { name: 'a', type: { value: { case: 'sequenceType', value: { elemType: float } } } },
          { name: 'b', type: { value: { case: 'mapType', value: { keyType: 7, valueType: float } } } },
          { name: 'c', type: { value: { case: 'optionalType', value: {} } } },
          { name: 'd', type: { value: { case: 'sparseTensorType', value: { elemType: 99 } } } },
          { name: 'e', type: {} },
          { name: 'f' },
        ],
        sparseInitializer: [
          {
            dims: [9n],
            values: { name: 's', dims: [1n], dataType: 1, floatData: [3] },
            indices: { dims: [1n], dataType: 7, int64Data: [4n] },
          },
        ],
      }),
    )
    expect(model.graph.inputs.map(({ type }) => type.kind)).toEqual([
      'sequence',
      'map',
      'optional',
      'sparse',
      'unknown',
      'unknown',
    ])
  })
})
