import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { characters, OCR } from '../demo/ocr-models.ts'
import { textDataset } from '../demo/text-datasets.ts'
import { type Dataset, openDataset } from '../src/data/index.ts'
import { inputsOf, openIsolated } from '../src/engine/index.ts'
import { exactMatch, type Metric } from '../src/evaluate/index.ts'
import type { Model } from '../src/ir/index.ts'
import { fileBytes } from './file-bytes.ts'
import { SAMPLE_RATE, sound, spectrum } from './sounds.ts'
import { readPieces, writeStories } from './stories.ts'
import { type Stream, streamedRows } from './streamed-rows.ts'
import { textPages } from './text-pages.ts'

/** A model to measure, its rows, and where its accuracy can be told. */
export interface Case {
  readonly id: string
  readonly path: string
  /** Counts in the geometric mean over the table of usual models. */
  readonly headline: boolean
  readonly metric?: Metric
  data(model: Model, folder: string): Promise<Dataset>
  calibration?(model: Model, folder: string): Promise<Dataset>
}

/** A folder of images, copied beside a dataset.json that says how they become the model's input. */
function images(source: string, preprocessing: Readonly<Record<string, unknown>>): Case['data'] {
  return async (model, folder) => {
    const place = join(folder, 'data')
    mkdirSync(place, { recursive: true })
    for (const name of readdirSync(source)) cpSync(join(source, name), join(place, name))
    writeFileSync(join(place, 'dataset.json'), JSON.stringify({ files: '*.jpg', preprocessing }))
    return openDataset(place, { inputs: inputsOf(model) })
  }
}

const table =
  (file: string): Case['data'] =>
  (model) =>
    openDataset(file, { inputs: inputsOf(model) })

/** The cases of the zoo in `zoo`, and those of PP-OCR; the latter need nothing but npm. */
export function casesOf(zoo: string | undefined): readonly Case[] {
  const ocr: Case[] = [
    {
      id: 'ppocr-det',
      path: OCR.detection,
      headline: true,
      data: () => textPages(40, 3),
    },
    {
      id: 'ppocr-rec',
      path: OCR.recognition,
      headline: true,
      metric: exactMatch({ characters }),
      data: () => textDataset(2400, 320, 'text', 3),
    },
    {
      id: 'ppocr-cls',
      path: OCR.direction,
      headline: true,
      data: () => textDataset(1200, 192, 'turned', 3),
    },
  ]
  if (!zoo) return ocr
  const model = (name: string) => join(zoo, 'models', `${name}.onnx`)
  const data = (name: string) => join(zoo, 'data', name)
  const objects = join(zoo, 'data', 'images', 'objects')
  const faces = join(zoo, 'data', 'images', 'faces')
  return [
    {
      id: 'resnet-fashion',
      path: model('resnet-fashion'),
      headline: true,
      data: table(data('fashion-test.npz')),
      calibration: table(data('fashion-calib.npz')),
    },
    {
      id: 'yolox-nano',
      path: model('yolox-nano-416'),
      headline: true,
      data: images(objects, {
        letterbox: { size: [416, 416], pad: 114, align: 'top-left' },
        channels: 'bgr',
        scale: 1,
      }),
    },
    {
      id: 'ultraface',
      path: model('ultraface-RFB-320'),
      headline: true,
      data: images(faces, { resize: [240, 320], channels: 'rgb', scale: 1, mean: 127, std: 128 }),
    },
    {
      id: 'deeplabv3',
      path: model('deeplabv3-voc'),
      headline: true,
      data: images(objects, { resize: [257, 257], channels: 'rgb', scale: 1 / 127.5, mean: 1, std: 1, layout: 'nhwc' }),
    },
    {
      id: 'yunet',
      path: model('yunet_n_320_320'),
      headline: true,
      data: images(faces, { letterbox: { size: [320, 320], pad: 0, align: 'top-left' }, channels: 'bgr', scale: 1 }),
    },
    ...ocr,
    {
      id: 'superres',
      path: model('superres-subpixel-cnn'),
      headline: true,
      data: images(objects, { resize: [224, 224], channels: 'gray', scale: 1 / 255 }),
    },
    {
      id: 'mnist-8',
      path: model('mnist-8-ortexamples'),
      headline: false,
      data: table(data('mnist-test.npz')),
    },
    {
      id: 'digits-rf',
      path: model('skl-digits-rf100'),
      headline: false,
      data: table(data('digits_test.npz')),
    },
    {
      id: 'digits-mlp',
      path: model('skl-digits-mlp64'),
      headline: false,
      data: table(data('digits_test.npz')),
    },
    {
      id: 'silero',
      path: model('silero_vad'),
      headline: false,
      data: (model) => streamedRows(model, voiceSteps(), 3),
    },
    {
      id: 'gtcrn',
      path: model('gtcrn-stream-simple'),
      headline: false,
      data: (model) => streamedRows(model, spectrumSteps(model), 4),
    },
    {
      id: 'magika',
      path: model('magika-standard_v3_3'),
      headline: false,
      data: () => {
        const config = JSON.parse(readFileSync(data('magika-standard_v3_3.config.json'), 'utf8'))
        return fileBytes(data('magika-basic'), config.target_labels_space)
      },
    },
    {
      id: 'stories260K',
      path: model('stories260K-kv'),
      headline: false,
      data: async (language, folder) => {
        const tokenizer = join(zoo, 'models', 'tok512-tinystories.bin')
        const session = await openIsolated(language)
        try {
          const options = { seed: 2, count: STORIES }
          const file = await writeStories(session, readPieces(tokenizer), join(folder, 'stories.txt'), options)
          return await openDataset(file, { inputs: inputsOf(language), text: { tokenizer } })
        } finally {
          await session.close()
        }
      },
    },
  ]
}

/** What Silero hears in a step, and how many samples before it are heard again. */
const [VOICE, CONTEXT] = [512, 64]
/** A step of GTCRN's transform, and the window that it moves. */
const [HOP, WINDOW] = [256, 512]
const STORIES = 300

function voiceSteps(): Stream {
  const samples = sound(45, 1)
  const steps: Float32Array[] = []
  for (let end = CONTEXT + VOICE; end <= samples.length; end += VOICE)
    steps.push(samples.slice(end - VOICE - CONTEXT, end))
  return {
    ...{ name: 'input', dims: [1, CONTEXT + VOICE], steps },
    states: [{ input: 'state', output: 'stateN', dims: [2, 1, 128] }],
    constants: { sr: { dtype: 'int64', dims: [], data: BigInt64Array.of(BigInt(SAMPLE_RATE)) } },
  }
}

function spectrumSteps(model: Model): Stream {
  const samples = sound(20, 2)
  const steps: Float32Array[] = []
  for (let end = WINDOW; end <= samples.length; end += HOP) steps.push(spectrum(samples.subarray(end - WINDOW, end)))
  const states = inputsOf(model).flatMap(({ name, shape }) =>
    name.endsWith('_cache') ? [{ input: name, output: `${name}_out`, dims: shape as readonly number[] }] : [],
  )
  return { name: 'mix', dims: [1, WINDOW / 2 + 1, 1, 2], steps, states }
}
