import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { preloads } from './module-file.ts'

/** Threads that run the functions of one module. */
export interface WorkerPool {
  /**
   * Applies the exported function named `job` to each item (structured clones) on the threads; results in the order of
   * the items. The first error rejects. Has the shape of the map that passes take.
   */
  readonly map: <I, O>(job: string, items: readonly I[]) => Promise<readonly O[]>
  /**
   * The same for one item. The memory in `moved` is transferred to the thread, not copied; so is memory of the result
   * that a function `moved` of the module lists.
   */
  readonly run: <I, O>(job: string, item: I, moved?: readonly ArrayBuffer[]) => Promise<O>
  close(): Promise<void>
}

interface Task {
  readonly job: string
  readonly item: unknown
  readonly moved: readonly ArrayBuffer[]
  readonly resolve: (value: unknown) => void
  readonly reject: (error: unknown) => void
}

type Answer = { readonly value: unknown } | { readonly error: unknown }

/** Plain JavaScript, so that it runs as it stands on every version of Node. */
const BOOT = `
const { parentPort, workerData } = require('node:worker_threads')
const ready = (async () => {
  for (const url of workerData.preloads) await import(url)
  return import(workerData.module)
})()
parentPort.on('message', async ({ job, item }) => {
  try {
    const module = await ready
    const work = module[job]
    if (typeof work !== 'function') throw new Error('internal: the module of the workers has no function ' + job)
    const value = await work(item)
    parentPort.postMessage({ value }, module.moved ? module.moved(value) : [])
  } catch (error) {
    parentPort.postMessage({ error })
  }
})
`

/** Opens `threads` threads (by default one a core that is free to use) on a module; started when first needed. */
export function openWorkerPool(module: URL, threads = availableParallelism()): WorkerPool {
  const idle: Worker[] = []
  const all = new Set<Worker>()
  const queue: Task[] = []
  let closed = false

  const next = () => {
    while (queue.length > 0) {
      const worker = idle.pop() ?? (all.size < threads ? start() : undefined)
      if (!worker) return
      begin(worker, queue.shift()!)
    }
  }
  const start = () => {
    const worker = new Worker(BOOT, { eval: true, workerData: { module: module.href, preloads: preloads(module) } })
    worker.unref()
    all.add(worker)
    // A thread that ends between two jobs is simply replaced; during a job its listeners reject the job.
    worker.on('error', () => {})
    worker.once('exit', () => {
      all.delete(worker)
      if (idle.includes(worker)) idle.splice(idle.indexOf(worker), 1)
    })
    return worker
  }
  const begin = (worker: Worker, task: Task) => {
    worker.ref()
    const finish = (answer: Answer, alive: boolean) => {
      // By name: the thread has listeners of its own.
      for (const [event, listener] of Object.entries(listeners)) worker.off(event, listener)
      worker.unref()
      if (alive && !closed) idle.push(worker)
      else all.delete(worker)
      if ('error' in answer) task.reject(answer.error)
      else task.resolve(answer.value)
      next()
    }
    const listeners = {
      message: (answer: Answer) => finish(answer, true),
      messageerror: (error: unknown) => finish({ error }, true),
      error: (error: unknown) => finish({ error }, false),
      exit: (code: number) => finish({ error: new Error(`internal: a worker ended with code ${code}`) }, false),
    }
    for (const [event, listener] of Object.entries(listeners)) worker.on(event, listener)
    try {
      worker.postMessage({ job: task.job, item: task.item }, task.moved)
    } catch (error) {
      finish({ error }, true)
    }
  }

  const run: WorkerPool['run'] = (job, item, moved = []) => {
    if (closed) return Promise.reject(new Error('internal: the worker pool is closed'))
    return new Promise((resolve, reject) => {
      queue.push({ job, item, moved, resolve: resolve as Task['resolve'], reject })
      next()
    })
  }

  return {
    run,
    map: (job, items) => Promise.all(items.map((item) => run(job, item))) as never,
    async close() {
      closed = true
      for (const task of queue.splice(0)) task.reject(new Error('internal: the worker pool is closed'))
      await Promise.all([...all].map((worker) => worker.terminate()))
      all.clear()
    },
  }
}
