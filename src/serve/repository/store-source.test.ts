import { readFileSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { ask, serve } from '../../../tests/serve-kit.ts'
import { modelFile, newFolder, putImage } from '../../../tests/store-kit.ts'
import { openStore } from '../../store/index.ts'
import { jsonLog } from '../log.ts'
import { storeSource } from './store-source.ts'

test('what another tool has put beside the versions is no version, and is named', async () => {
  const place = newFolder()
  const { version } = await openStore(place).put('digits', { model: modelFile(place, 'm.onnx') }, { tag: 'v1' })
  putImage(place, 'digits', 'app')
  const source = storeSource(place, null)
  expect(await source.list()).toEqual([{ name: 'digits', versions: ['v1'] }])
  expect(await source.find('digits', null)).toMatchObject({ version: 'v1', digest: version.modelDigest })
  expect(await source.passedOver!()).toEqual([{ file: 'digits:app', hint: expect.stringContaining('no model') }])
  // Asked for by its tag, it is what was asked for.
  await expect(storeSource(place, 'digits:app').find('digits', null)).rejects.toThrow('is not a model')
})

test('the command that compares two versions fetches those very ones from this store, tagged or not', async () => {
  const place = newFolder()
  const store = openStore(place)
  const { version: base } = await store.put('digits', { model: modelFile(place, 'm.onnx') }, { tag: 'v1' })
  const { version: other } = await store.put('digits', { model: modelFile(place, 'n.onnx', 2) })
  const source = storeSource(place, null)
  const untagged = other.digest.slice('sha256:'.length).slice(0, 12)
  for (const called of ['v1', untagged]) await source.find('digits', called)
  expect(source.comparison!('digits', 'v1', untagged)).toBe(
    `whet pull digits@${base.digest} --store ${place} -o base && whet pull digits@${other.digest} --store ${place} -o candidate && whet compare base/model.onnx candidate/model.onnx --data YOUR_ROWS`,
  )
})

test('a damaged file of a store neither answers after a restart nor is loaded, and the log says which', async () => {
  const place = newFolder()
  const model = modelFile(place, 'm.onnx')
  const store = openStore(place)
  const { version } = await store.put('digits', { model }, { tag: 'v1' })
  const path = await version.modelPath()
  const lines: string[] = []
  const server = await serve(place, { source: storeSource(place, null), log: jsonLog((line) => lines.push(line)) })
  const body = { inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 8], data: [1, 2, 3, 4, 5, 6, 7, 8] }] }
  const infer = async () => {
    const { status, json } = await ask(server.http, 'POST', '/v2/models/digits/infer', body)
    return status === 200 ? json.outputs[0].data : status
  }
  const told = (message: string) =>
    lines.map((line) => JSON.parse(line)).filter((line) => line.message === message && /was changed/.test(line.error))
  const before = await infer()
  // One bit of a weight: it is a model all the same.
  const bytes = readFileSync(path)
  const weight = Buffer.from(new Float32Array([Number(Math.sin(1.3 + 1).toFixed(4))]).buffer)
  bytes[bytes.indexOf(weight) + 1]! ^= 4
  writeFileSync(path, bytes)
  process.kill(server.core.registry.version('digits', '').pid!, 'SIGKILL')
  await expect.poll(() => told('model process did not start').length, { timeout: 20_000 }).toBeGreaterThan(0)
  expect(await infer()).toBe(503)
  const load = await ask(server.admin, 'POST', '/v2/repository/models/digits/load')
  expect([load.status, load.json.error]).toEqual([400, "failed to load 'digits': the file is damaged"])
  expect(told('a version did not start')[0]).toMatchObject({ model: 'digits', where: path, hint: expect.any(String) })
  await store.put('digits', { model }, { tag: 'v1' })
  await expect.poll(infer, { timeout: 30_000 }).toEqual(before)
  await server.close()
}, 90_000)
