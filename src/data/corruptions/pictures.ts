import { defocusBlur, glassBlur, motionBlur, zoomBlur } from './blur.ts'
import { contrast, elasticTransform, jpegCompression, pixelate } from './digital.ts'
import { gaussianNoise, impulseNoise, shotNoise } from './noise.ts'
import type { Picture } from './picture.ts'
import type { SeededDraws } from './seeded-draws.ts'
import { brighten, fog, frost, snow } from './weather.ts'

type Corrupt = (picture: Picture, severity: number, draws: SeededDraws) => Picture

/**
 * The fifteen corruptions of ImageNet-C with its constants, at any size: lengths scale with the image (see
 * `pixelScale`). Own implementations, so values differ from the original's files; JPEG, frost and the motion blur do so
 * visibly (no photographs, no image library).
 *
 * Source: D. Hendrycks, T. Dietterich, Benchmarking neural network robustness to common corruptions and perturbations,
 * ICLR 2019 (arXiv 1903.12261), section 3.
 */
export const pictureCorruptions: Readonly<Record<string, { readonly group: string; readonly apply: Corrupt }>> = {
  'gaussian-noise': { group: 'noise', apply: gaussianNoise },
  'shot-noise': { group: 'noise', apply: shotNoise },
  'impulse-noise': { group: 'noise', apply: impulseNoise },
  'defocus-blur': { group: 'blur', apply: defocusBlur },
  'glass-blur': { group: 'blur', apply: glassBlur },
  'motion-blur': { group: 'blur', apply: motionBlur },
  'zoom-blur': { group: 'blur', apply: zoomBlur },
  snow: { group: 'weather', apply: snow },
  frost: { group: 'weather', apply: frost },
  fog: { group: 'weather', apply: fog },
  brightness: { group: 'weather', apply: brighten },
  contrast: { group: 'digital', apply: contrast },
  'elastic-transform': { group: 'digital', apply: elasticTransform },
  pixelate: { group: 'digital', apply: pixelate },
  'jpeg-compression': { group: 'digital', apply: jpegCompression },
}
