import { existsSync, statSync } from 'node:fs'
import { expect, test } from 'vitest'
import { parseModel } from '../ir/index.ts'
import { ModelFiles } from './model-files.ts'
import type { RunsOn } from './runs-on.ts'

const model = () =>
  parseModel('<ir_version: 8, opset_import: ["" : 17]> g (float[N,2] x) => (float[N,2] y) { y = Neg(x) }')

test('a model that is kept is written once, and goes with the rest; others are left to whoever opens them', async () => {
  const [kept, other] = [model(), model()]
  const read: (string | undefined)[] = []
  const place = {
    runtime: 'test',
    open: async (_: unknown, __: unknown, placement?: { readonly file?: string }) => {
      read.push(placement?.file)
    },
  } as unknown as RunsOn
  const files = new ModelFiles()
  const { open } = files.on(place)
  files.keep(kept)
  await Promise.all([open(kept), open(kept)])
  const [file] = read as [string]
  const { ino, size } = statSync(file)
  expect(size).toBeGreaterThan(0)
  files.keep(kept)
  await open(kept, { threads: 2 }, { name: 'again' })
  await open(other)
  await open('model.onnx')
  expect(read).toEqual([file, file, file, undefined, undefined])
  expect(statSync(file).ino).toBe(ino)
  await files.remove()
  expect(existsSync(file)).toBe(false)
})
