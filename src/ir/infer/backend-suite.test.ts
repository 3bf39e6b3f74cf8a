import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { fromBinary } from '@bufbuild/protobuf'
import { TensorProtoSchema } from 'onnx-buf'
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

interface Finding {
  readonly place: string
  readonly inferred: string
  readonly stored: string
}

/** What inference says of every tensor output of the suite, against the output that the suite stores. */
function compareAll() {
  const wrong: Finding[] = []
  const open: Finding[] = []
  let total = 0
  for (const folder of folders) {
    const model = decodeModel(readFileSync(`${folder}/model.onnx`))
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
      else if (finding.inferred !== finding.stored) open.push(finding)
    }
  }
  return { total, wrong, open }
}

function agrees(type: ValueType, stored: ValueType): boolean {
  if (type.kind !== 'tensor' || stored.kind !== 'tensor' || type.dtype !== stored.dtype) return false
  if (type.shape === null) return true
  if (type.shape.length !== stored.shape!.length) return false
  return type.shape.every((dim, i) => typeof dim !== 'number' || dim === stored.shape![i])
}

test.skipIf(folders.length === 0)(
  "inferred outputs agree with the backend suite's (skipped where Debian's libonnx-testdata is absent)",
  () => {
    const { total, wrong, open } = compareAll()
    if (process.env.SHOW_OPEN) console.log(wrong, open, total)
    expect(wrong).toEqual([])
    expect(total).toBeGreaterThan(1300)
    expect((total - open.length) / total).toBeGreaterThan(0.9)
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
