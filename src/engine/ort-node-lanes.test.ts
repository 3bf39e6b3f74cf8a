import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { parseModel } from '../ir/index.ts'
import { encodeModel, modelDigest } from '../onnx/index.ts'
import { type ByteTensor, bytesOfValue, type Lanes, startLanes, valueOfBytes } from './index.ts'
import { FrameReader, framePieces, tensorsOf } from './ort-node-frames.ts'
import { SharedPages } from './ort-node-shared-pages.ts'

const model = parseModel(`<ir_version: 10, opset_import: ["" : 20]>
  g (float[N,2] x, string[N] s) => (float[N,2] y, string[N] t) { y = Neg(x)  t = Identity(s) }`)
const floats = (values: readonly number[]): ByteTensor =>
  bytesOfValue('x', { dtype: 'float32', dims: [values.length / 2, 2], data: Float32Array.from(values) })
const texts = (values: readonly string[]): ByteTensor =>
  bytesOfValue('s', { dtype: 'string', dims: [values.length], data: values })

describe('frames', () => {
  test.each([1, 3, 16, 17, 1000])('come back whole when they arrive %i bytes at a time', (size) => {
    const seen: unknown[] = []
    const reader = new FrameReader((frame) =>
      seen.push([frame.header.id, tensorsOf(frame).map((tensor) => [tensor.name, ...valueOfBytes(tensor).data])]),
    )
    const two = { ...floats([1, 2, 3, 4]), pieces: [floats([1, 2]).pieces[0]!, floats([3, 4]).pieces[0]!] }
    const bytes = Buffer.concat([
      ...framePieces({ id: 1, op: 'run' }, [texts(['ß', '', 'abc']), two]),
      ...framePieces({ id: 2, op: 'run' }, []),
      ...framePieces({ id: 3, op: 'run' }, [floats([])]),
    ])
    for (let at = 0; at < bytes.length; at += size) reader.push(bytes.subarray(at, at + size))
    expect(seen).toEqual([
      [
        1,
        [
          ['s', 'ß', '', 'abc'],
          ['x', 1, 2, 3, 4],
        ],
      ],
      [2, []],
      [3, [['x']]],
    ])
  })

  test('a string that ends beyond its bytes is refused by name', () => {
    const bytes = Uint8Array.of(5, 0, 0, 0, 65)
    expect(() => valueOfBytes({ name: 's', dtype: 'string', dims: [1], pieces: [bytes] })).toThrow('"s"')
    expect(() => valueOfBytes({ name: 's', dtype: 'string', dims: [1], pieces: [bytes.subarray(0, 2)] })).toThrow('"s"')
  })
})

describe('shared pages', () => {
  const pages = SharedPages.open(5 * 4096)
  afterAll(() => pages?.close())
  const full = (value: number, pageCount = 1) => [new Uint8Array(pageCount * 4096).fill(value)]

  test.skipIf(!pages)('what is put is read where it was put; places are used again, the lowest first', () => {
    const read = (at: number, bytes: number) => pages!.read(at, bytes)
    expect([1, 2, 3].map((value) => pages!.put(full(value), 4096))).toEqual([0, 4096, 8192])
    expect(pages!.put([Uint8Array.of(4), Uint8Array.of(5, 6)], 3)).toBe(3 * 4096)
    expect([...read(3 * 4096, 3)]).toEqual([4, 5, 6])
    pages!.free([4096])
    expect(pages!.put(full(7, 2), 2 * 4096)).toBeNull()
    expect(pages!.put(full(7), 4096)).toBe(4096)
    expect([0, 4096, 8192].map((at) => read(at, 4096)[4095])).toEqual([1, 7, 3])
  })

  test.skipIf(!pages)('the other end has a half of its own', () => {
    const other = SharedPages.otherHalf(pages!.fd, 4 * 4096)!
    expect(other.put(full(9), 4096)).toBe(4 * 4096)
    expect(pages!.read(4 * 4096, 4096)[0]).toBe(9)
    expect(other.put(full(9, 4), 4 * 4096)).toBeNull()
    other.free([4 * 4096])
    expect(other.put(full(8, 4), 4 * 4096)).toBe(4 * 4096)
  })

  test('frames tell of what is elsewhere; small ones stay on the line', () => {
    const put: number[] = []
    const elsewhere = (_: unknown, bytes: number) => put.push(bytes)
    const large = floats(new Array(1 << 15).fill(1))
    expect(framePieces({ id: 1, op: 'run' }, [large], elsewhere)).toHaveLength(1)
    expect(framePieces({ id: 1, op: 'run' }, [floats([1, 2])], elsewhere)).toHaveLength(2)
    expect(framePieces({ id: 1, op: 'run' }, [large], () => null)).toHaveLength(2)
    expect(put).toEqual([1 << 17])
  })
})

describe('lanes', () => {
  let path: string
  let lanes: Lanes
  beforeAll(async () => {
    path = join(await mkdtemp(join(tmpdir(), 'lanes-')), 'model.onnx')
    writeFileSync(path, encodeModel(model))
    lanes = await startLanes(path, { capacity: 2 })
  })
  afterAll(() => lanes.stop())

  test('say what the model is', () => {
    expect(lanes.model.inputs.map(({ name }) => name)).toEqual(['x', 's'])
    expect(lanes.model.outputs).toEqual([
      { name: 'y', dtype: 'float32', shape: ['N', 2] },
      { name: 't', dtype: 'string', shape: ['N'] },
    ])
    expect(lanes.model.operators).toEqual({ Neg: 1, Identity: 1 })
    expect(lanes.model.digest).toBe(modelDigest(model))
  })

  test('answer runs on every open lane; calls on a lane keep their order', async () => {
    await lanes.open(1)
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, i) => lanes.run(i % 2, [floats([i, -1]), texts([`row ${i}`])])),
    )
    for (const [i, { outputs }] of answers.entries())
      expect(outputs.map((output) => [...valueOfBytes(output).data])).toEqual([[-i, 1], [`row ${i}`]])
    const { outputs } = await lanes.run(0, [floats([1, 2]), texts(['a'])], ['t'])
    expect(outputs.map(({ name }) => name)).toEqual(['t'])
  })

  test('large inputs that wait for one another on a lane stay apart', async () => {
    const rows = 1 << 14
    const answers = await Promise.all(
      [1, 2, 3, 4].map((value) =>
        lanes.run(0, [floats(new Array(2 * rows).fill(value)), texts(new Array(rows).fill('a'))], ['y']),
      ),
    )
    for (const [i, { outputs }] of answers.entries())
      expect(new Set(valueOfBytes(outputs[0]!).data as Float32Array)).toEqual(new Set([-1 - i]))
  })

  test('a complaint of the runtime is a UserError, and the lane goes on', async () => {
    const wrong = { ...floats([1, 2, 3]), dims: [1, 3] }
    await expect(lanes.run(0, [wrong, texts(['a'])])).rejects.toMatchObject({ name: 'UserError', code: 'bad-data' })
    expect((await lanes.run(0, [floats([1, 2]), texts(['a'])])).outputs).toHaveLength(2)
  })

  test('a killed process rejects what is under way, and says how it ended', async () => {
    const doomed = await startLanes(path, { capacity: 1 })
    const spinning = doomed.spin(0, [floats([1, 2]), texts(['a'])], 60_000)
    process.kill(doomed.pid, 'SIGKILL')
    await expect(spinning).rejects.toMatchObject({ code: 'out-of-resources' })
    expect((await doomed.ended).how).toBe('SIGKILL')
    await expect(doomed.run(0, [])).rejects.toThrow('SIGKILL')
  })

  test('a process that is ended for a reason says the reason, not the signal', async () => {
    const doomed = await startLanes(path, { capacity: 1 })
    const spinning = doomed.spin(0, [floats([1, 2]), texts(['a'])], 60_000)
    const ended = expect(spinning).rejects.toMatchObject({ message: expect.stringContaining('(it took too long)') })
    await doomed.stop('it took too long')
    await ended
    expect((await doomed.ended).how).toBe('it took too long')
  })

  test('a model that the runtime refuses is refused at the start', async () => {
    const broken = join(path, '..', 'broken.onnx')
    writeFileSync(broken, 'not a model')
    await expect(startLanes(broken, { capacity: 1 })).rejects.toMatchObject({ name: 'UserError' })
  })
})

test('lanes without shared pages answer as well', async () => {
  const path = join(await mkdtemp(join(tmpdir(), 'lanes-')), 'model.onnx')
  writeFileSync(path, encodeModel(model))
  const none = vi.spyOn(SharedPages, 'open').mockReturnValue(null)
  const lanes = await startLanes(path, { capacity: 2 })
  none.mockRestore()
  try {
    const rows = 1 << 14
    const { outputs } = await lanes.run(0, [floats(new Array(2 * rows).fill(3)), texts(new Array(rows).fill('a'))])
    expect(new Set(valueOfBytes(outputs[0]!).data as Float32Array)).toEqual(new Set([-3]))
  } finally {
    await lanes.stop()
  }
})

test('large outputs that are a weight, an input, or the same twice are right run after run, through pages and line', async () => {
  // Beyond what pages hold, the last of them travel on the line.
  const length = (40 << 20) / 4 / 4
  const folder = await mkdtemp(join(tmpdir(), 'lanes-'))
  const path = join(folder, 'large.onnx')
  writeFileSync(
    path,
    encodeModel(
      parseModel(`<ir_version: 10, opset_import: ["" : 20]> g (float[N] x) => (float[N] same, float[N] once, float[N] twice, float[40000] w)
        <float one = {1}, int64[1] m = {40000}> { same = Identity(x)  once = Add(x, one)  twice = Identity(once)  w = Expand(one, m) }`),
    ),
  )
  const lanes = await startLanes(path, { capacity: 1 })
  try {
    for (const count of [20_000, length, 30_000, length, 20_000])
      for (const first of [1, 2]) {
        const data = new Float32Array(count).fill(first)
        const { outputs, release } = await lanes.run(0, [bytesOfValue('x', { dtype: 'float32', dims: [count], data })])
        const seen = outputs.map((tensor) => {
          const values = valueOfBytes(tensor).data as Float32Array
          return [tensor.name, values.length, values[0], values.at(-1)]
        })
        expect(seen).toEqual([
          ['same', count, first, first],
          ['once', count, first + 1, first + 1],
          ['twice', count, first + 1, first + 1],
          ['w', 40_000, 1, 1],
        ])
        release?.()
      }
  } finally {
    await lanes.stop()
  }
}, 60_000)

test.skipIf(process.platform !== 'linux')(
  'a process whose parent was killed ends, also within a run that does not',
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'whetstone-lanes-'))
    const path = join(folder, 'endless.onnx')
    const endless = parseModel(`<ir_version: 10, opset_import: ["" : 20]>
    g (float[N] x) => (float[N] y) {
      most = Constant <value_int = 1000000000000> ()
      y = Loop <body: graph = b (int64 i, bool go, float[N] v) => (bool on, float[N] w) { on = Identity(go)  w = Neg(v) }>
        (most, "", x)
    }`)
    writeFileSync(path, encodeModel(endless))
    const parent = spawn(process.execPath, [
      '--import',
      resolve('scripts/typescript-hooks.mjs'),
      '--input-type=module',
      '--eval',
      `import { bytesOfValue, startLanes } from ${JSON.stringify(resolve('src/engine/index.ts'))}
     const lanes = await startLanes(${JSON.stringify(path)}, { capacity: 1 })
     lanes.run(0, [bytesOfValue('x', { dtype: 'float32', dims: [1], data: new Float32Array(1) })])
     setTimeout(() => console.log(lanes.pid), 200)`,
    ])
    const [said] = await once(parent.stdout, 'data')
    const pid = Number(String(said))
    // What has ended and was not yet asked for its code is a zombie.
    const lives = () => existsSync(`/proc/${pid}`) && !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
    expect(lives()).toBe(true)
    parent.kill('SIGKILL')
    await vi.waitFor(() => expect(lives()).toBe(false), { timeout: 10_000 })
  },
  60_000,
)
