import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { GraphProtoSchema, ModelProtoSchema, TensorProtoSchema } from 'onnx-buf'
import { expect, test } from 'vitest'
import { decodeModel } from '../../onnx/index.ts'
import { dtypeFromCode, type Model, printedType, type ValueInfo, type ValueType } from '../index.ts'
import { inferModel, inferTypes } from './infer-types.ts'

const SUITE = '/usr/share/libonnx-testdata/data'
const folders = ['node', 'simple', 'pytorch-converted', 'pytorch-operator'].flatMap((group) =>
  existsSync(`${SUITE}/${group}`) ? readdirSync(`${SUITE}/${group}`).map((name) => `${SUITE}/${group}/${name}`) : [],
)

/** The model without a word about its outputs' and inner values' types, so that only inference can know them. */
const undeclared = (model: Model): Model => ({
  ...model,
  graph: {
    ...model.graph,
    outputs: model.graph.outputs.map(({ name }): ValueInfo => ({ name, type: { kind: 'unknown' } })),
    valueInfos: new Map(),
  },
})

/** The model with its stored inputs as constants, so that shapes that depend on them can be known too. */
function withInputs(folder: string): Model {
  const model = decodeModel(readFileSync(`${folder}/model.onnx`))
  const initializer = model.graph.inputs.flatMap(({ name, type }, i) => {
    const path = `${folder}/test_data_set_0/input_${i}.pb`
    return type.kind === 'tensor' && existsSync(path)
      ? [{ ...fromBinary(TensorProtoSchema, readFileSync(path)), name }]
      : []
  })
  const graph = create(GraphProtoSchema, { name: 'inputs', initializer })
  const bytes = toBinary(ModelProtoSchema, create(ModelProtoSchema, { irVersion: 10n, graph }))
  const { initializers } = decodeModel(bytes).graph
  return { ...model, graph: { ...model.graph, initializers: new Map([...model.graph.initializers, ...initializers]) } }
}

interface Finding {
  readonly place: string
  readonly inferred: string
  readonly stored: string
}

/** What inference says of every tensor output of the suite, against the output that the suite stores. */
function compareAll(load: (folder: string) => Model) {
  const wrong: Finding[] = []
  const open: Finding[] = []
  let total = 0
  for (const folder of folders) {
    const model = load(folder)
    const types = inferTypes(undeclared(model))
    for (const [i, { name, type: declared }] of model.graph.outputs.entries()) {
      const path = `${folder}/test_data_set_0/output_${i}.pb`
      if (declared.kind !== 'tensor' || !existsSync(path)) continue
      const { dims, dataType } = fromBinary(TensorProtoSchema, readFileSync(path))
      const stored: ValueType = { kind: 'tensor', dtype: dtypeFromCode(dataType ?? 0)!, shape: dims.map(Number) }
      const type = types.get(name)
      const finding = {
        place: `${folder.split('/').at(-1)} ${name}`,
        inferred: printedType(type ?? null),
        stored: printedType(stored),
      }
      total++
      if (type && !agrees(type, stored)) wrong.push(finding)
      else if (finding.inferred.replace('bfloat16', 'uint16') !== finding.stored.replace('bfloat16', 'uint16'))
        open.push(finding)
    }
  }
  return { total, wrong, open }
}

function agrees(type: ValueType, stored: ValueType): boolean {
  if (type.kind !== 'tensor' || stored.kind !== 'tensor') return false
  // The suite stores bfloat16 outputs as the uint16 of their bits.
  if (type.dtype !== stored.dtype && !(type.dtype === 'bfloat16' && stored.dtype === 'uint16')) return false
  if (type.shape === null) return true
  if (type.shape.length !== stored.shape!.length) return false
  return type.shape.every((dim, i) => typeof dim !== 'number' || dim === stored.shape![i])
}

const stated = (folder: string): Model => decodeModel(readFileSync(`${folder}/model.onnx`))

test.skipIf(folders.length === 0).each([
  ['from the model alone', stated, 0.78],
  ['when the inputs are constants', withInputs, 0.96],
] as const)(
  "outputs inferred %s agree with the backend suite's (skipped where Debian's libonnx-testdata is absent)",
  (_, load, floor) => {
    const { total, wrong, open } = compareAll(load)
    if (process.env.SHOW_OPEN)
      console.log([...wrong, { total, open: open.length }, ...open].map((f) => JSON.stringify(f)).join('\n'))
    expect(wrong).toEqual([])
    expect(total).toBeGreaterThan(1300)
    expect((total - open.length) / total).toBeGreaterThan(floor)
  },
)

test.skipIf(folders.length === 0)(
  'no declared type of the backend suite contradicts an inferred one (skipped where libonnx-testdata is absent)',
  () => {
    const conflicts = folders.flatMap((folder) =>
      inferModel(decodeModel(readFileSync(`${folder}/model.onnx`))).conflicts.map(
        ({ value, what }) => `${folder.split('/').at(-1)} ${value}: ${what}`,
      ),
    )
    expect(conflicts).toEqual([])
  },
)
