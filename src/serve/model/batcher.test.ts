import { describe, expect, test, vi } from 'vitest'
import { type ByteTensor, bytesOfValue, type LaneAnswer, type Lanes, valueOfBytes } from '../../engine/index.ts'
import { UserError } from '../../platform/index.ts'
import { Departure } from '../departure.ts'
import type { ServeError } from '../serve-error.ts'
import { Batcher, type BatchSettings, FOR_EVER, type JobOptions, type JobResult, type RunRecord } from './batcher.ts'
import { FairQueue } from './fair-queue.ts'

const row = (...values: readonly number[]): readonly ByteTensor[] => [
  bytesOfValue('x', { dtype: 'float32', dims: [1, values.length], data: Float32Array.from(values) }),
]
const numbers = (tensors: readonly ByteTensor[]) =>
  tensors.map((tensor) => [...valueOfBytes({ ...tensor, pieces: [new Uint8Array(Buffer.concat(tensor.pieces))] }).data])

/** Lanes that run when the test says so, and compute −x. */
class StagedLanes {
  readonly runs: {
    lane: number
    inputs: readonly ByteTensor[]
    end(error?: Error, answer?: readonly ByteTensor[]): void
  }[] = []
  /** Why it was ended, each time. */
  readonly stopped: (string | undefined)[] = []
  readonly lanes = {
    run: (lane: number, inputs: readonly ByteTensor[]) =>
      new Promise<LaneAnswer>((resolve, reject) => {
        const end = (error?: Error, answer?: readonly ByteTensor[]) => {
          if (error) return reject(error)
          if (answer) return resolve({ outputs: answer, runNs: 1e6 })
          const outputs = inputs.map(({ dims, pieces }) => {
            const [data] = numbers([{ name: 'x', dtype: 'float32', dims, pieces }])
            return bytesOfValue('y', { dtype: 'float32', dims, data: Float32Array.from(data as number[], (x) => -x) })
          })
          resolve({ outputs, runNs: 1e6 })
        }
        this.runs.push({ lane, inputs, end })
      }),
    stop: async (why?: string) => {
      this.stopped.push(why)
    },
  } as unknown as Lanes
}

const SETTINGS: BatchSettings = {
  maxBatch: 4,
  crowdBatch: 4,
  maxDelayMs: 0,
  preferred: [],
  maxQueue: 100,
  maxQueueBytes: 1 << 20,
  timeoutMs: 0,
  runLimitMs: 60_000,
  ahead: false,
  fixedMs: 0,
}
const OPTIONS: JobOptions = { outputs: null, caller: 'a', priority: 0, timeoutMs: 0 }

function batcher(settings: Partial<BatchSettings> = {}, open = 1) {
  const staged = new StagedLanes()
  const records: RunRecord[] = []
  const { maxBatch = SETTINGS.maxBatch, crowdBatch = maxBatch } = settings
  const made = new Batcher('m', { ...SETTINGS, ...settings, maxBatch, crowdBatch }, (run) => records.push(run))
  made.attach(staged.lanes, open)
  const run = (inputs: readonly ByteTensor[], options: Partial<JobOptions> = {}) => {
    const result = made.run(inputs, { ...OPTIONS, ...options })
    result.catch(() => {})
    return result
  }
  /** Rows of the newest run. */
  const rows = () => numbers(staged.runs.at(-1)!.inputs)[0]
  return { made, staged, records, run, rows }
}
const turn = () => new Promise((resolve) => setImmediate(resolve))

describe('a batcher', () => {
  test('each gets the outputs that it asked for, whatever its neighbours want', async () => {
    const { staged, run } = batcher()
    const wanted = [['y'], ['y'], ['z'], null] as const
    const results = wanted.map((outputs, i) => run(row(i), { outputs }))
    staged.runs[0]!.end()
    await turn()
    const both = ['y', 'z'].map((name) =>
      bytesOfValue(name, { dtype: 'float32', dims: [3, 1], data: Float32Array.of(1, 2, 3) }),
    )
    staged.runs[1]!.end(undefined, both)
    const answers = await Promise.all(results)
    expect(answers.map(({ outputs }) => outputs.map(({ name }) => name))).toEqual([['y'], ['y'], ['z'], ['y', 'z']])
  })

  test('runs the first request at once and gathers the others meanwhile; each gets its own rows', async () => {
    const { staged, run, records } = batcher()
    const results = [1, 2, 3, 4, 5, 6].map((x) => run(row(x, 10 * x)))
    expect(staged.runs).toHaveLength(1)
    staged.runs[0]!.end()
    await turn()
    expect(numbers(staged.runs[1]!.inputs)).toEqual([[2, 20, 3, 30, 4, 40, 5, 50]])
    staged.runs[1]!.end()
    await turn()
    staged.runs[2]!.end()
    const answers = await Promise.all(results)
    expect(answers.map(({ outputs }) => numbers(outputs)[0])).toEqual([1, 2, 3, 4, 5, 6].map((x) => [-x, -10 * x]))
    expect(answers.map(({ run }) => run.rows)).toEqual([1, 4, 4, 4, 4, 1])
    expect(records.map((record) => [record.requests, record.rows])).toEqual([
      [1, 1],
      [4, 4],
      [1, 1],
    ])
  })

  const ownTime = () => ({ timeoutMs: 100 })
  /** As the cache asks, which keeps the time itself. */
  const sharedTime = () => ({
    timeoutMs: FOR_EVER,
    departure: Object.assign(new Departure(), { until: performance.now() + 100 }),
  })
  test.each([
    ['its own time', ownTime],
    ['the time of a flight', sharedTime],
  ])(
    'where more is asked than can be done, no run is for a client that will be gone before its end: %s',
    async (_, waits) => {
      vi.useFakeTimers({ toFake: ['performance', 'setTimeout', 'clearTimeout'] })
      try {
        const { made, staged, run } = batcher({ maxBatch: 1 })
        const counts = { answered: 0, refused: 0, late: 0 }
        const ask = (x: number) =>
          run(row(x), waits()).then(
            () => counts.answered++,
            (error: ServeError) => counts[error.code === 'too-many' ? 'refused' : 'late']++,
          )
        // Thrice as many as the lane can answer, each run taking 30 ms.
        for (let x = 0; x < 90; x++) {
          void ask(x)
          await vi.advanceTimersByTimeAsync(10)
          if (x % 3 === 2) staged.runs.at(-1)!.end()
          await vi.advanceTimersByTimeAsync(0)
        }
        const runs = staged.runs.length
        // The first is measured by nobody, and whoever is last has no one behind.
        expect(counts.answered).toBeGreaterThan(runs - 4)
        expect(counts.refused).toBeGreaterThan(40)
        made.reject(new Error('over'))
      } finally {
        vi.useRealTimers()
      }
    },
  )

  test('uses every lane', () => {
    const { staged, run } = batcher({ maxBatch: 1 }, 2)
    for (const x of [1, 2, 3]) void run(row(x))
    expect(staged.runs.map(({ lane }) => lane)).toEqual([0, 1])
  })

  test('a crowd shares longer runs, and each lane gets its share of them', async () => {
    const sizes = async (requests: number) => {
      const { staged, run, records } = batcher({ maxBatch: 1, crowdBatch: 4 }, 2)
      const results = Array.from({ length: requests }, (_, x) => run(row(x)))
      for (let i = 0; i < staged.runs.length; i++) {
        staged.runs[i]!.end()
        await turn()
      }
      await Promise.all(results)
      return records.map(({ rows }) => rows)
    }
    // Two lanes take two; of the others a run takes what is there for each lane's next two runs.
    expect(await sizes(4)).toEqual([1, 1, 1, 1])
    expect(await sizes(10)).toEqual([1, 1, 2, 2, 1, 1, 1, 1])
    expect((await sizes(40)).slice(0, 5)).toEqual([1, 1, 4, 4, 4])
    expect(Math.max(...(await sizes(40)))).toBe(4)
  })

  test('ahead: a busy lane is handed its next full batch, and not a smaller one', async () => {
    const { staged, run, made } = batcher({ maxBatch: 2, ahead: true })
    const results = [1, 2, 3, 4].map((x) => run(row(x)))
    expect(staged.runs.map(({ inputs }) => numbers(inputs)[0])).toEqual([[1], [2, 3]])
    expect(made.waiting).toBe(1)
    for (const i of [0, 1, 2]) {
      staged.runs[i]!.end()
      await turn()
    }
    expect((await Promise.all(results)).map(({ outputs }) => numbers(outputs)[0])).toEqual([[-1], [-2], [-3], [-4]])
  })

  test('requests of other shapes, and those without rows, do not share a run', async () => {
    const { staged, run } = batcher()
    const scalar = [bytesOfValue('x', { dtype: 'float32', dims: [], data: Float32Array.of(7) })]
    void run(row(0))
    for (const inputs of [row(1), row(1, 2), row(3), scalar, scalar]) void run(inputs)
    const seen: unknown[] = []
    for (let i = 0; i < 5; i++) {
      seen.push(staged.runs[i]!.inputs[0]!.dims)
      staged.runs[i]!.end()
      await turn()
    }
    expect(seen).toEqual([[1, 1], [2, 1], [1, 2], [], []])
  })

  test('one that shares its run with nobody does not wait for others while a lane is free', () => {
    const { staged, run } = batcher({ maxDelayMs: 60_000 })
    void run([bytesOfValue('x', { dtype: 'float32', dims: [], data: Float32Array.of(7) })])
    expect(staged.runs).toHaveLength(1)
  })

  test.each([1, 4])('a run has the rows of its requests, also where at most %i may share it', async (maxBatch) => {
    const { staged, run, records } = batcher({ maxBatch })
    const rows = (count: number) => [
      bytesOfValue('x', { dtype: 'float32', dims: [count, 1], data: new Float32Array(count) }),
    ]
    const given: number[] = []
    for (const count of [3, 0, 9]) {
      const answer = run(rows(count))
      staged.runs.at(-1)!.end()
      given.push((await answer).run.rows)
    }
    expect(given).toEqual([3, 0, 9])
    expect(records.map(({ rows }) => rows)).toEqual([3, 0, 9])
  })

  test('a request larger than a batch runs alone', async () => {
    const { staged, run } = batcher()
    const large = [bytesOfValue('x', { dtype: 'float32', dims: [9, 1], data: new Float32Array(9) })]
    void run(row(1))
    void run(large)
    void run(row(2))
    staged.runs[0]!.end()
    await turn()
    expect(staged.runs[1]!.inputs[0]!.dims).toEqual([9, 1])
  })

  test('the queue has an end: too-many with advice when to come back', async () => {
    const { run } = batcher({ maxQueue: 2 })
    for (const x of [1, 2, 3]) void run(row(x))
    await expect(run(row(4))).rejects.toMatchObject({ code: 'too-many', retryAfter: 1 })
  })

  test('bytes that wait have an end too, but one request may always wait', async () => {
    const { run } = batcher({ maxQueueBytes: 16 })
    void run(row(1))
    void run(row(1, 2, 3, 4, 5, 6))
    await expect(run(row(1))).rejects.toMatchObject({ code: 'too-many' })
  })

  test('a large request behind small ones is not refused for what each of their bytes took', async () => {
    const { staged, run } = batcher({ timeoutMs: 60_000 })
    const small = run(row(1))
    await new Promise((resolve) => setTimeout(resolve, 20))
    staged.runs[0]!.end()
    await small
    // A lane is busy, the large one waits, and another one waits behind it.
    const busy = run(row(2))
    const large = run(row(...Array.from({ length: 50_000 }, (_, i) => i)))
    const last = run(row(3))
    for (let i = 1; i < 4; i++) {
      staged.runs[i]!.end()
      await turn()
    }
    await Promise.all([busy, large, last])
    expect(staged.runs).toHaveLength(4)
  })

  test('a request that ran out of time is not run; one that nobody waits for neither', async () => {
    const { staged, run, made } = batcher()
    const gone = new Departure()
    const first = run(row(1))
    const late = run(row(2), { timeoutMs: 1 })
    const left = run(row(3), { departure: gone })
    const last = run(row(4))
    gone.leave()
    await expect(left).rejects.toMatchObject({ code: 'cancelled' })
    await expect(late).rejects.toMatchObject({ code: 'timeout' })
    staged.runs[0]!.end()
    await turn()
    expect(numbers(staged.runs[1]!.inputs)).toEqual([[4]])
    staged.runs[1]!.end()
    await Promise.all([first, last, made.drained()])
    expect(staged.runs).toHaveLength(2)
  })

  test('whoever gave up while it ran may be told how the run ended', async () => {
    const { staged, run } = batcher()
    const ends: unknown[] = []
    const gone = new Departure()
    const late = (end: unknown) => ends.push(end)
    const hasty = run(row(1), { timeoutMs: 1, late })
    await expect(hasty).rejects.toMatchObject({ code: 'timeout' })
    const [left, stays] = [run(row(2), { departure: gone, late }), run(row(3), { late })]
    staged.runs[0]!.end()
    await turn()
    expect(ends).toEqual([expect.objectContaining({ run: expect.objectContaining({ ms: 1 }) })])
    expect(numbers((ends[0] as JobResult).outputs)).toEqual([[-1]])
    gone.leave()
    await expect(left).rejects.toMatchObject({ code: 'cancelled' })
    const fault = new UserError('out-of-resources', 'the process has ended')
    staged.runs[1]!.end(fault)
    await expect(stays).rejects.toBe(fault)
    expect(ends.slice(1)).toEqual([fault])
  })

  test('an output that has no rows cannot be shared out: each request runs alone', async () => {
    const { staged, run } = batcher()
    const answers = [run(row(1)), run(row(2)), run(row(3))]
    await turn()
    staged.runs[0]!.end()
    await turn()
    const anchors = bytesOfValue('y', { dtype: 'float32', dims: [1, 1], data: Float32Array.of(7) })
    expect(staged.runs[1]!.inputs[0]!.dims).toEqual([2, 1])
    staged.runs[1]!.end(undefined, [anchors])
    for (const own of [2, 3]) {
      await turn()
      expect(staged.runs[own]!.inputs[0]!.dims).toEqual([1, 1])
      staged.runs[own]!.end(undefined, [anchors])
    }
    expect((await Promise.all(answers)).map(({ outputs }) => numbers(outputs))).toEqual([[[-1]], [[7]], [[7]]])
  })
  test('one bad request of a batch fails alone', async () => {
    const { staged, run } = batcher()
    void run(row(0))
    const pair = [run(row(1)), run(row(2))]
    staged.runs[0]!.end()
    await turn()
    staged.runs[1]!.end(new UserError('bad-data', 'index out of range'))
    await turn()
    staged.runs[2]!.end(new UserError('bad-data', 'index out of range'))
    await turn()
    staged.runs[3]!.end()
    await expect(pair[0]).rejects.toThrow('index out of range')
    expect(numbers((await pair[1]!).outputs)).toEqual([[-2]])
  })

  test('whoever gave up in a batch that is run again one by one is told how their own run ended', async () => {
    const { staged, run } = batcher()
    void run(row(0))
    const gone = new Departure()
    const ends: unknown[] = []
    const left = run(row(1), { departure: gone, late: (end) => ends.push(end) })
    const bad = run(row(2))
    staged.runs[0]!.end()
    await turn()
    gone.leave()
    await expect(left).rejects.toMatchObject({ code: 'cancelled' })
    staged.runs[1]!.end(new UserError('bad-data', 'index out of range'))
    await turn()
    staged.runs[2]!.end()
    await turn()
    expect(ends.map((end) => numbers((end as JobResult).outputs))).toEqual([[[-1]]])
    staged.runs[3]!.end(new UserError('bad-data', 'index out of range'))
    await expect(bad).rejects.toThrow('index out of range')
  })

  test('what waits outlives the process; what ran is told', async () => {
    const { made, staged, run } = batcher()
    const under = run(row(1))
    const waiting = run(row(2))
    made.detach()
    staged.runs[0]!.end(new UserError('out-of-resources', 'the process ended'))
    await expect(under).rejects.toThrow('the process ended')
    const next = new StagedLanes()
    made.attach(next.lanes, 1)
    next.runs[0]!.end()
    expect(numbers((await waiting).outputs)).toEqual([[-2]])
  })

  test('a preferred size goes at once, others wait for the delay', async () => {
    const { staged, run } = batcher({ maxBatch: 8, maxDelayMs: 20, preferred: [2] })
    void run(row(1))
    expect(staged.runs).toHaveLength(0)
    void run(row(2))
    expect(staged.runs).toHaveLength(1)
    staged.runs[0]!.end()
    await turn()
    const alone = run(row(3))
    expect(staged.runs).toHaveLength(1)
    while (staged.runs.length < 2) await new Promise((resolve) => setTimeout(resolve, 5))
    staged.runs[1]!.end()
    expect((await alone).queueMs).toBeGreaterThan(15)
  })

  test('in a crowd, a lane waits for as long as a row saves by joining a run', async () => {
    const { staged, run } = batcher({ maxBatch: 8, fixedMs: 20 }, 2)
    for (const x of [1, 2, 3, 4, 5, 6, 7, 8, 9]) void run(row(x))
    const sizes = () => staged.runs.map(({ inputs }) => inputs[0]!.dims[0])
    // The first two find nobody who waits.
    expect(sizes()).toEqual([1, 1])
    staged.runs[0]!.end()
    await turn()
    expect(sizes()).toEqual([1, 1])
    void run(row(10))
    expect(sizes()).toEqual([1, 1, 8])
    for (const x of [11, 12, 13, 14, 15, 16, 17]) void run(row(x))
    staged.runs[2]!.end()
    while (staged.runs.length < 4) await new Promise((resolve) => setTimeout(resolve, 5))
    expect(sizes()).toEqual([1, 1, 8, 7])
    // Few are about now: nobody waits.
    staged.runs[3]!.end()
    await turn()
    void run(row(18))
    expect(sizes()).toEqual([1, 1, 8, 7, 1])
  })

  test('a run that hangs ends its process', async () => {
    const { staged, run } = batcher({ runLimitMs: 1 })
    void run(row(1))
    while (staged.stopped.length === 0) await new Promise((resolve) => setTimeout(resolve, 1))
    expect(staged.stopped).toEqual(['a run did not end within 0.001 seconds'])
    staged.runs[0]!.end(new UserError('out-of-resources', 'ended'))
  })

  test('a machine that stood still is no run that hangs', async () => {
    const { staged, run } = batcher({ runLimitMs: 100 })
    const going = run(row(1))
    for (const woken = performance.now() + 200; performance.now() < woken; );
    await new Promise((resolve) => setTimeout(resolve, 1))
    expect(staged.stopped).toEqual([])
    staged.runs[0]!.end()
    await going
  })

  test('so does one that takes longer than a request of it says', async () => {
    const { staged, run } = batcher()
    const first = run(row(1))
    const others = [run(row(2)), run(row(3), { runLimitMs: 1 })]
    staged.runs[0]!.end()
    await first
    while (staged.stopped.length === 0) await new Promise((resolve) => setTimeout(resolve, 1))
    staged.runs[1]!.end(new UserError('out-of-resources', 'ended'))
    expect((await Promise.allSettled(others)).map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  })

  test('drained waits for what waits and what runs', async () => {
    const { made, staged, run } = batcher()
    await made.drained()
    void run(row(1))
    let done = false
    const drained = made.drained().then(() => {
      done = true
    })
    await turn()
    expect(done).toBe(false)
    staged.runs[0]!.end()
    await drained
  })
})

describe('a fair queue', () => {
  const job = (caller: string, n: number, more: object = {}) => ({
    caller,
    n,
    priority: 0,
    shape: 's',
    rows: 1,
    bytes: 1,
    ...more,
  })
  const drain = (queue: FairQueue<ReturnType<typeof job>>, rows: number) => {
    const all: string[][] = []
    while (queue.length > 0) all.push(queue.take(rows).map(({ caller, n }) => `${caller}${n}`))
    return all
  }

  test('callers take turns, each in its own order', () => {
    const queue = new FairQueue<ReturnType<typeof job>>()
    for (const n of [1, 2, 3, 4]) queue.push(job('a', n))
    queue.push(job('b', 1))
    queue.push(job('c', 1))
    expect(drain(queue, 1).flat()).toEqual(['a1', 'b1', 'c1', 'a2', 'a3', 'a4'])
    for (const n of [1, 2, 3]) queue.push(job('a', n))
    for (const n of [1, 2, 3]) queue.push(job('b', n))
    expect(drain(queue, 4)).toEqual([
      ['a1', 'b1', 'a2', 'b2'],
      ['a3', 'b3'],
    ])
  })

  test('1 comes first, then those without a priority, then the rest', () => {
    const queue = new FairQueue<ReturnType<typeof job>>()
    for (const [n, priority] of [3, 0, 1, 100].entries()) queue.push(job('a', n, { priority }))
    expect(drain(queue, 1).flat()).toEqual(['a2', 'a1', 'a0', 'a3'])
  })

  test('counts rows of each shape, and lets jobs go', () => {
    const queue = new FairQueue<ReturnType<typeof job>>()
    const other = job('b', 1, { shape: 't', rows: 3, bytes: 10 })
    queue.push(job('a', 1))
    queue.push(other)
    expect([queue.length, queue.bytes, queue.rowsOf('s'), queue.rowsOf('t')]).toEqual([2, 11, 1, 3])
    expect([queue.remove(other), queue.remove(other)]).toEqual([true, false])
    expect([queue.length, queue.rowsOf('t')]).toEqual([1, 0])
    expect(queue.clear()).toHaveLength(1)
    expect(queue.peek()).toBeUndefined()
  })
})
