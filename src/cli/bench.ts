import type { Stall } from '../engine/index.ts'
import { DEFAULT_PRICES, type PriceTable, parsePrices, SCENARIOS, type Scenario } from '../evaluate/index.ts'
import { bench } from '../recipe/index.ts'
import { DATA, dataAt, modelAt, READING, SEED, SHAPE, shapesOf, THREADS, textAt } from './inputs.ts'
import { pageAt, writeOutput } from './output-file.ts'
import type { Arguments, Verb } from './verb.ts'
import { wrongCall } from './wrong-call.ts'

export const benchVerb: Verb = {
  name: 'bench',
  usage:
    'bench MODEL… [--scenario single-stream|multi-stream|server|offline] [--threads 1] [--duration 10] [--data D] [--sweep]',
  summary: 'Latency, throughput, memory, cost and energy, the models by turns in processes of their own.',
  examples: [
    'whet bench model.onnx int8.onnx',
    'whet bench model.onnx --shape x=1,3,224,224 --threads 2',
    'whet bench model.onnx int8.onnx --scenario server --max-p99 20    # how many queries a second each can take',
    'whet bench model.onnx int8.onnx --target web                      # in onnxruntime-web (WebAssembly)',
    'whet bench model.onnx --sweep --max-p99 50 -o load.html           # rows at once × threads × processes',
    'whet bench model.onnx int8.onnx --prices prices.json --answers-per-day 2000000 --spent 40',
  ],
  positionals: { min: 1, max: 16, names: 'one or more models' },
  options: {
    scenario: {
      type: 'string',
      value: 'NAME',
      help: 'how queries come: single-stream (default), multi-stream (8 rows each), server (at random), offline (all at once)',
    },
    target: { type: 'string', value: 'NAME', help: 'native (default), or web: in the runtime of browsers' },
    browser: { type: 'string', value: 'PATH', help: 'target web: time in this headless Chromium; auto finds one' },
    threads: THREADS,
    duration: { type: 'string', value: 'S', help: 'seconds at the most (10); a sweep takes as long again' },
    batch: {
      type: 'string',
      value: 'N',
      help: 'rows of one run (what --shape says, else 1; multi-stream 8, offline 32, where the model takes them)',
    },
    qps: { type: 'string', value: 'N', help: 'server: queries a second (half of what the first model can do)' },
    'max-p99': {
      type: 'string',
      value: 'MS',
      help: 'server: find the rate that keeps p99 under this; sweep: the best point does',
    },
    sweep: { type: 'boolean', help: 'also measure rows at once × threads × processes' },
    stall: {
      type: 'string',
      value: 'MS@N',
      help: 'rehearse a tail: add MS milliseconds to every Nth call and see where the figures show it',
    },
    prices: { type: 'string', value: 'FILE', help: 'price table (JSON) for the cost of a million answers' },
    'answers-per-day': {
      type: 'string',
      value: 'N',
      help: 'how often the model is asked: tells when a saving has paid for itself',
    },
    spent: {
      type: 'string',
      value: 'MONEY',
      help: 'what training and optimising cost, in the currency of the prices (0)',
      with: 'answers-per-day',
    },
    'spent-hours': {
      type: 'string',
      value: 'H',
      help: 'machine hours that they took, priced by the table (0)',
      with: 'answers-per-day',
    },
    output: { type: 'string', short: 'o', value: 'FILE', help: 'also write the report as one page of HTML' },
    shape: SHAPE,
    data: DATA,
    ...READING,
    seed: SEED,
  },
  async run(paths, options, context) {
    const scenario = options.choice('scenario', Object.keys(SCENARIOS) as readonly Scenario[], 'single-stream')
    const settings = {
      scenario,
      target: options.choice('target', ['native', 'web'], 'native'),
      threads: options.integer('threads', 1, 1, 256),
      maxSeconds: options.number('duration', 10, 0.1, 36_000),
      seed: options.integer('seed', 0, 0, 2 ** 31 - 1),
      sweep: options.flag('sweep'),
      batch: options.givenInteger('batch', 32, 1, 65_536),
      qps: options.givenNumber('qps', 100, 1e-3, 1e7),
      maxP99Ms: options.givenNumber('max-p99', 20, 1e-3, 1e7),
      answersPerDay: options.givenNumber('answers-per-day', 2_000_000, 0, 1e15),
      spent: options.givenNumber('spent', 40, 0, 1e12),
      spentHours: options.givenNumber('spent-hours', 10, 0, 1e9),
      stall: stallOf(options),
      prices: pricesOf(options),
    }
    refuseStray(options, scenario)
    const browser = options.text('browser')
    const page = pageAt(options, 'load.html')
    const first = await modelAt(paths[0] as string, options)
    const report = await bench(
      paths.map((path) => ({ label: path, model: path })),
      {
        ...settings,
        shapes: shapesOf(options, first),
        browser,
        signal: context.signal,
        onProgress: context.progress,
        data: await dataAt('data', first, options),
      },
    )
    if (page) await writeOutput(page, (await import('../view/index.ts')).renderHtml(report), context)
    return { report }
  },
}

/** Options that the scenario has no use for are a misunderstanding, not a detail. */
function refuseStray(options: Arguments, scenario: Scenario): void {
  const server = scenario === 'server'
  const stray = (name: string, why: string, hint: string) => {
    throw wrongCall(`--${name} ${why}`, hint)
  }
  if (options.has('qps') && !server) stray('qps', `means nothing in ${scenario}`, 'add --scenario server')
  if (options.has('stall') && options.has('browser'))
    stray('stall', 'cannot be put into a tab of a browser', 'leave out --browser')
  if (options.has('max-p99') && !server && !options.flag('sweep'))
    stray('max-p99', `limits nothing in ${scenario}`, 'add --scenario server, or --sweep')
}

/** `10@50`: ten milliseconds in every fiftieth call. */
function stallOf(options: Arguments): Stall | undefined {
  const given = options.text('stall')
  if (given === undefined) return undefined
  const [ms, every] = (/^(\d*\.?\d+)@(\d+)$/.exec(given)?.slice(1) ?? []).map(Number)
  if (!ms || !every || ms > 60_000)
    throw wrongCall(
      `--stall ${given}: not milliseconds (at most 60000) and a number of calls`,
      'for example --stall 10@50: ten milliseconds in every fiftieth call',
    )
  return { ms, every }
}

function pricesOf(options: Arguments): PriceTable {
  const path = options.text('prices')
  return path === undefined ? DEFAULT_PRICES : parsePrices(textAt(path), path, DEFAULT_PRICES)
}
