import { expect, test } from 'vitest'
import type { IsolatedSession } from '../../engine/index.ts'
import { bench } from './bench.ts'

test('where a model cannot be opened, the processes of those before it are closed', async () => {
  const open = new Set<string>()
  const opening = bench(['first.onnx', 'second.onnx'], {
    fit: (_, session) => session,
    open: async (model) => {
      if (model === 'second.onnx') throw new Error('it has no such file')
      open.add(String(model))
      return { close: async () => void open.delete(String(model)) } as IsolatedSession
    },
  })
  await expect(opening).rejects.toThrow('it has no such file')
  expect([...open]).toEqual([])
})
