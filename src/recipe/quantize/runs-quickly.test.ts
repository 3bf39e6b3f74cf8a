import { expect, test } from 'vitest'
import { memoryDataset } from '../../data/index.ts'
import { type RuntimeProcesses, startRuntimes } from '../../engine/index.ts'
import { parseModel } from '../../ir/index.ts'
import { quantize } from './quantize.ts'
import { runsQuickly } from './runs-quickly.ts'

const convOver = (size: number | string) =>
  parseModel(`<ir_version: 8, opset_import: ["" : 17]> g (float[N,2,${size},${size}] x) => (float[N,16,H,W] y)
    <float[16,2,1,1] w = {${Array.from({ length: 32 }, (_, i) => ((i * 7) % 13) - 6).join()}}> { c = Conv(x, w) y = Relu(c) }`)
const pictures = (size: number) =>
  memoryDataset({
    x: {
      dtype: 'float32',
      dims: [4, 2, size, size],
      data: Float32Array.from({ length: 8 * size ** 2 }, (_, i) => Math.sin(i * 1.7)),
    },
  })

/** Those that a quantization takes; the process of the `dying`-th is ended when it is taken. */
function watched(dying = -1): RuntimeProcesses & { readonly pids: number[] } {
  const processes = startRuntimes(1)
  const pids: number[] = []
  return {
    share: processes.share,
    reach: processes.reach,
    end: processes.end,
    get sharedEnd() {
      return processes.sharedEnd
    },
    pids,
    take(what) {
      const taken = processes.take(what)
      if (pids.push(taken.pid) === dying) process.kill(taken.pid, 'SIGSEGV')
      return taken
    },
  }
}

test('a short graph of small values runs quickly, whether the sizes stand in it or in its rows', async () => {
  expect(await runsQuickly(convOver(16), undefined)).toBe(false)
  expect(await runsQuickly(convOver('S'), await pictures(16))).toBe(true)
  expect(await runsQuickly(convOver('S'), await pictures(400))).toBe(false)
  const many = Array.from({ length: 70 }, (_, i) => `v${i + 1} = Relu(v${i})`).join(' ')
  const long = parseModel(`<ir_version: 8, opset_import: ["" : 17]> g (float[1,4] v0) => (float[1,4] v70) { ${many} }`)
  expect(await runsQuickly(long, undefined)).toBe(false)
})

test('what runs quickly is quantized in one process, other models in two', async () => {
  const [small, large] = [watched(), watched()]
  await quantize(convOver('S'), { scheme: 'static-int8', data: await pictures(16), processes: small })
  await quantize(convOver('S'), { scheme: 'static-int8', data: await pictures(400), processes: large })
  expect(small.pids.length).toBeGreaterThan(3)
  expect(new Set(small.pids).size).toBe(1)
  expect(new Set(large.pids).size).toBeGreaterThan(1)
})

test('where the process that they share ends, each runs in one of its own', async () => {
  const data = await pictures(16)
  const calm = await quantize(convOver('S'), { scheme: 'static-int8', data })
  for (const dying of [1, 2, 4]) {
    const processes = watched(dying)
    const { report } = await quantize(convOver('S'), { scheme: 'static-int8', data, processes })
    expect(processes.sharedEnd).toBe(true)
    expect(report).toEqual(calm.report)
  }
})
