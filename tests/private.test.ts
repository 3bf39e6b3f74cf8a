import { spawn } from 'node:child_process'
import { mkdirSync, readdirSync } from 'node:fs'
import { afterAll, expect, test } from 'vitest'
import { Bench, CLASSIFIER, PROGRAM } from './command.ts'

const bench = new Bench()
afterAll(() => bench.remove())

/** Runs the command as on a machine that is no CI, where the runtime would be silent by itself; what it left behind. */
async function leftBy(words: readonly string[], until?: RegExp): Promise<readonly string[]> {
  const home = bench.path(`home-${words[0]}-${words.length}`)
  mkdirSync(home)
  const child = spawn(process.execPath, [...PROGRAM, ...words], {
    cwd: bench.folder,
    env: {
      PATH: process.env.PATH,
      HOME: home,
      XDG_CACHE_HOME: home,
      TMPDIR: home,
      WHETSTONE_CACHE: bench.cache,
      WHETSTONE_STORE: bench.store,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let said = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text) => {
      said += text
      if (!child.killed && until?.test(said)) child.kill('SIGTERM')
    })
  const code = await new Promise((resolve) => child.on('close', resolve))
  expect([code, until?.test(said) ?? true], said).toEqual([0, true])
  return readdirSync(home)
}

test('no verb lets the runtime keep an identifier of the machine, logs, or a queue of events to send', async () => {
  const model = bench.model('model.onnx', CLASSIFIER)
  const data = bench.rows('rows.npz', 40, 16)
  const quantize = ['quantize', model, '--scheme', 'static-int8', '--data', data, '-o', 'int8.onnx']
  expect(await leftBy(quantize)).toEqual([])
  // These ranges are taken by the runtime in the command's own process.
  expect(await leftBy([...quantize, '--calibration', 'percentile'])).toEqual([])
  expect(await leftBy(['bench', model, '--duration', '1'])).toEqual([])
  expect(await leftBy(['serve', model, '--http', '0', '--grpc', '0', '--admin', '0'], /"message":"ready"/)).toEqual([])
}, 120_000)
