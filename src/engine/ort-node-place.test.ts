import { existsSync, mkdtempSync, readdirSync, unlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type Model, parseModel, tensorOf } from '../ir/index.ts'
import { readModel, writeModel } from '../onnx/index.ts'
import { ortNode } from './ort-node.ts'
import { openIsolated } from './ort-node-isolated.ts'
import { placeModel } from './ort-node-place.ts'

const folder = mkdtempSync(join(tmpdir(), 'whet-place-test-'))
const path = join(folder, 'model.onnx')

/** y = x + b with 4,096 weights, enough that they go beside the file. */
const base = parseModel(
  '<ir_version: 10, opset_import: ["" : 20]> g (float[4096] x) => (float[4096] y) { y = Add(x, b) }',
)
const weights = Float32Array.from({ length: 4096 }, (_, i) => i)
const model: Model = {
  ...base,
  graph: { ...base.graph, initializers: new Map([['b', tensorOf('float32', [4096], weights, 'b')]]) },
}
const feeds = { x: { dtype: 'float32', dims: [4096], data: new Float32Array(4096).fill(0.5) } } as const
const expected = Float32Array.from(weights, (value) => value + 0.5)

test('weights in another file come along: as a value, and by path in a process of its own', async () => {
  await writeModel(model, path, { externalData: true })
  expect(readdirSync(folder).sort()).toEqual(['model.onnx', 'model.onnx.data'])
  const value = await readModel(path)
  const placed = await placeModel(value)
  expect(typeof placed.source).toBe('string')
  placed.remove()
  expect(existsSync(placed.source as string)).toBe(false)
  const session = await ortNode.open(value)
  expect((await session.run(feeds)).y?.data).toEqual(expected)
  await session.close()
  const isolated = await openIsolated(path)
  expect((await isolated.run(feeds)).y?.data).toEqual(expected)
  await isolated.close()
  unlinkSync(`${path}.data`)
  await expect(openIsolated(path)).rejects.toMatchObject({ name: 'UserError' })
})

test('a model that holds its own weights is handed over as bytes', async () => {
  const placed = await placeModel(model)
  expect(placed.source).toBeInstanceOf(Uint8Array)
})

test('a model is written while its process is not free yet; where that fails it goes again, and no process is taken', async () => {
  const before = process.env.TMPDIR
  process.env.TMPDIR = folder
  const placed = () => readdirSync(folder).filter((name) => name.startsWith('whetstone-'))
  const taken: string[] = []
  const processes = {
    take(what: string): never {
      taken.push(what)
      throw new Error('not to be taken')
    },
    share() {},
    reach() {},
    sharedEnd: false,
    end: async () => {},
  }
  try {
    let fail: (error: Error) => void = () => {}
    const after = new Promise<void>((_, reject) => {
      fail = reject
    })
    const opening = openIsolated(model, {}, { processes, after })
    await expect.poll(() => placed().length).toBe(1)
    fail(new Error('the one before it failed'))
    await expect(opening).rejects.toThrow('the one before it failed')
    expect([placed(), taken]).toEqual([[], []])
  } finally {
    if (before === undefined) delete process.env.TMPDIR
    else process.env.TMPDIR = before
  }
})
