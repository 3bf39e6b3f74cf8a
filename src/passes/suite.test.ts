import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { GraphProtoSchema, ModelProtoSchema, TensorProtoSchema } from 'onnx-buf'
import { describe, expect, test } from 'vitest'
import { interpreterOf } from '../engine/interpreter.ts'
import { checkModel, fromTensor, type Model, type Tensor, type Value } from '../ir/index.ts'
import { decodeModel } from '../onnx/index.ts'
import { simplifyPasses } from './index.ts'

const SUITE = '/usr/share/libonnx-testdata/data'
const folders = ['node', 'simple', 'pytorch-converted', 'pytorch-operator'].flatMap((group) =>
  existsSync(`${SUITE}/${group}`) ? readdirSync(`${SUITE}/${group}`).map((name) => `${SUITE}/${group}/${name}`) : [],
)

/** The stored inputs of a test, by input name; undefined where one is no tensor. */
function storedInputs(folder: string, model: Model): ReadonlyMap<string, Tensor> | undefined {
  const initializer = []
  for (const [i, { name, type }] of model.graph.inputs.entries()) {
    const path = `${folder}/test_data_set_0/input_${i}.pb`
    if (!existsSync(path)) continue
    if (type.kind !== 'tensor') return undefined
    initializer.push({ ...fromBinary(TensorProtoSchema, readFileSync(path)), name })
  }
  const graph = create(GraphProtoSchema, { name: 'inputs', initializer })
  return decodeModel(toBinary(ModelProtoSchema, create(ModelProtoSchema, { irVersion: 10n, graph }))).graph.initializers
}

/** Every input after the first as a constant: as weights, shapes and axes are in models that people have. */
function withConstants(model: Model, inputs: ReadonlyMap<string, Tensor>): Model {
  const { graph } = model
  const [first] = graph.inputs
  const initializers = new Map([...graph.initializers, ...[...inputs].filter(([name]) => name !== first?.name)])
  return { ...model, graph: { ...graph, inputs: graph.inputs.slice(0, 1), initializers } }
}

async function simplified(model: Model): Promise<Model> {
  let current = model
  for (const pass of simplifyPasses) current = (await pass.run(current, {}, [])).model
  return current
}

function difference(a: Value | undefined, b: Value | undefined): string | null {
  if (a?.kind !== 'tensor' || b?.kind !== 'tensor') return a?.kind === b?.kind ? null : `${b?.kind} for ${a?.kind}`
  if (a.dtype !== b.dtype || a.dims.join() !== b.dims.join()) return `${b.dtype}[${b.dims}] for ${a.dtype}[${a.dims}]`
  const tolerance = a.dtype === 'float16' || a.dtype === 'bfloat16' ? 1e-2 : 1e-4
  for (let i = 0; i < a.data.length; i++) {
    const [x, y] = [a.data[i], b.data[i]]
    if (x === y || (Number.isNaN(x) && Number.isNaN(y))) continue
    const close = typeof x === 'number' && typeof y === 'number' && Math.abs(x - y) <= tolerance * (1 + Math.abs(x))
    if (!close) return `${y} for ${x} at ${i}`
  }
  return null
}

/** What goes wrong when a model is simplified, or null; 'skipped' where the reference engine cannot run it. */
async function problem(model: Model, inputs: ReadonlyMap<string, Tensor>): Promise<string | null> {
  const names = model.graph.outputs.map(({ name }) => name)
  const feeds = new Map<string, Value>()
  for (const { name } of model.graph.inputs) if (inputs.has(name)) feeds.set(name, fromTensor(inputs.get(name)!))
  const original = interpreterOf(model, {})
  if (original.unsupported.length > 0) return 'skipped'
  let expected: ReturnType<typeof original.run>
  try {
    expected = original.run(feeds, names)
  } catch {
    return 'skipped'
  }
  const after = await simplified(model)
  const broken = checkModel(after).length > checkModel(model).length
  if (broken)
    return checkModel(after)
      .map(({ where, what }) => `${where}: ${what}`)
      .join('; ')
  if ((await simplified(after)) !== after) return 'a second run changes it again'
  // Weights that were inputs cannot be fed any more.
  const kept = new Map([...feeds].filter(([name]) => after.graph.inputs.some((input) => input.name === name)))
  const found = interpreterOf(after, {}).run(kept, names)
  return names.map((name) => difference(expected.get(name), found.get(name))).find((d) => d !== null) ?? null
}

describe.skipIf(folders.length === 0)("ONNX's backend suite (Debian libonnx-testdata; skipped without it)", () => {
  test.each([
    ['as it is', (model: Model) => model],
    ['with every input after the first as a constant', withConstants],
  ] as const)('every model gives the same answers, simplified: %s', { timeout: 300_000 }, async (_, prepare) => {
    const wrong: Record<string, string> = {}
    let [compared, skipped] = [0, 0]
    for (const folder of folders) {
      const model = decodeModel(readFileSync(`${folder}/model.onnx`), { path: `${folder}/model.onnx` })
      const inputs = storedInputs(folder, model)
      const result = inputs
        ? await problem(prepare(model, inputs), inputs).catch((error: Error) => `${error.stack}`)
        : 'skipped'
      if (result === 'skipped') skipped++
      else compared++
      if (result !== null && result !== 'skipped') wrong[folder.split('/').at(-1)!] = result
    }
    expect(wrong).toEqual({})
    expect(compared).toBeGreaterThan(10 * skipped)
  })
})
