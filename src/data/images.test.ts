import { existsSync } from 'node:fs'
import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { beforeEach, describe, expect, test } from 'vitest'
import { all, values, writeIn } from './dataset-kit.ts'
import { openDataset, readField, subset } from './index.ts'
import { parsePreprocessing } from './parse-preprocessing.ts'
import { imageShape, inferPreprocessing, KEEP_AS_IS, pixelRanges } from './preprocessing.ts'
import { fromPreprocessorConfig } from './preprocessor-config.ts'

let folder = ''
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'whetstone-images-'))
})

type Pixel = readonly [number, number, number]

/** Writes a PNG whose pixel at row y, column x is `color(y, x)`. */
async function png(name: string, height: number, width: number, color: (y: number, x: number) => Pixel): Promise<void> {
  const data = Uint8Array.from(
    Array.from({ length: height * width }, (_, i) => color(Math.floor(i / width), i % width)).flat(),
  )
  await write(
    name,
    await sharp(data, { raw: { height, width, channels: 3 } })
      .png()
      .toBuffer(),
  )
}

const write = (name: string, content: string | Uint8Array | object) => writeIn(folder, name, content)

const rgb = (height: number | string, width: number | string) => ({
  inputs: [{ name: 'x', dtype: 'float32' as const, shape: ['n', 3, height, width] }],
})

describe('a folder of images', () => {
  test('one sub-folder a class; layout, size and scale inferred from the input and told', async () => {
    await png('cat/b.png', 2, 2, () => [255, 0, 51])
    await png('cat/a.png', 2, 2, (y, x) => [y * 255, x * 255, 102])
    await png('ant/z.png', 2, 2, () => [0, 0, 0])
    await write('.DS_Store', 'x')
    await write('cat/notes.txt', 'x')
    const dataset = await openDataset(folder, rgb(2, 2))
    expect(dataset.rows).toBe(3)
    expect(dataset.classNames).toEqual(['ant', 'cat'])
    expect(dataset.domains.x).toEqual([0, 1])
    expect(dataset.notes.join(' ')).toMatch(/inferred from the input "x": RGB, channels first, stretched to 2×2/)
    const batches = await all(dataset)
    expect(values(batches, 'id')).toEqual(['ant/z.png', 'cat/a.png', 'cat/b.png'])
    expect(values(batches, 'label').map(Number)).toEqual([0, 1, 1])
    expect(batches[0]!.columns.x!.dims).toEqual([3, 3, 2, 2])
    const a = Array.from(batches[0]!.columns.x!.data as Float32Array).slice(12, 24)
    expect(a).toEqual([0, 0, 1, 1, 0, 1, 0, 1, ...new Array(4).fill(Math.fround(0.4))])
    expect(values(await all(dataset, { indices: [2, 0] }), 'id')).toEqual(['cat/b.png', 'ant/z.png'])
  })

  test('channels last and one channel; BT.601 brightness', async () => {
    await png('a.png', 1, 2, (_, x) => (x === 0 ? [255, 0, 0] : [10, 200, 30]))
    const dataset = await openDataset(folder, {
      inputs: [{ name: 'x', dtype: 'uint8', shape: [1, 1, 1, 2] }],
    })
    // 0.299·255 = 76.2; 0.299·10 + 0.587·200 + 0.114·30 = 123.8
    expect((await all(dataset))[0]!.columns.x).toEqual({
      dtype: 'uint8',
      dims: [1, 1, 1, 2],
      data: Uint8Array.of(76, 124),
    })
    const last = await openDataset(folder, { inputs: [{ name: 'x', dtype: 'uint8', shape: [1, 1, 2, 3] }] })
    // [1, 1, 2, 3] could be read both ways; a size of 1 on axis 1 is taken for channels.
    expect((await all(last))[0]!.columns.x!.dims).toEqual([1, 1, 2, 3])
    const nhwc = await openDataset(folder, { inputs: [{ name: 'x', dtype: 'uint8', shape: [1, 2, 2, 3] }] })
    expect(values(await all(nhwc), 'x').slice(0, 6)).toEqual([255, 0, 0, 10, 200, 30])
  })

  test('images in their own size share a batch only with their like', async () => {
    await png('a.png', 2, 3, () => [1, 2, 3])
    await png('b.png', 2, 3, () => [1, 2, 3])
    await png('c.png', 4, 1, () => [1, 2, 3])
    const dataset = await openDataset(folder, rgb('h', 'w'))
    expect((await all(dataset)).map(({ columns }) => columns.x!.dims)).toEqual([
      [2, 3, 2, 3],
      [1, 3, 4, 1],
    ])
  })

  test('number folders are classes in the order of their numbers', async () => {
    for (const name of ['10', '2', '1']) await png(`${name}/a.png`, 1, 1, () => [Number(name), 0, 0])
    expect((await openDataset(folder, rgb(1, 1))).classNames).toEqual(['1', '2', '10'])
    await expect(openDataset(folder, { ...rgb(1, 1), classNames: ['1', '2'] })).rejects.toThrow(
      /folder "10" .* none of the 2 classes/,
    )
  })

  test('transparency, gray, 16-bit and a turned JPEG', async () => {
    const pixel = { height: 1, width: 1 } as const
    const rgba = await sharp(Uint8Array.of(255, 51, 0, 128), { raw: { ...pixel, channels: 4 } })
      .png()
      .toBuffer()
    await write('a.png', rgba)
    await write(
      'b.png',
      await sharp(Uint8Array.of(51), { raw: { ...pixel, channels: 1 } })
        .toColourspace('b-w')
        .png()
        .toBuffer(),
    )
    const dataset = await openDataset(folder, rgb(1, 1))
    const read = values(await all(dataset), 'x').map((value) => Math.round(Number(value) * 255))
    expect(read).toEqual([255, 51, 0, 51, 51, 51])
    const turned = await sharp({ create: { width: 4, height: 2, channels: 3, background: '#fff' } })
      .jpeg()
      .withMetadata({ orientation: 6 })
      .toBuffer()
    await write('t/a.jpg', turned)
    const own = await openDataset(join(folder, 't'), rgb('h', 'w'))
    expect((await all(own))[0]!.columns.x!.dims).toEqual([1, 3, 4, 2])
  })

  test('inks become the colours that Pillow makes of them', async () => {
    // Written by Pillow, with what its convert('RGB') reads of the codes (45,0,0,180), (0,0,0,0), (255,255,127,0), (10,200,30,99).
    const tiff =
      'SUkqAAgAAAAKAAABBAABAAAAAgAAAAEBBAABAAAAAgAAAAIBAwAEAAAAhgAAAAMBAwABAAAAAQAAAAYBAwABAAAABQAAABEBBAABAAAAjgAAABUBAwABAAAABAAAABYBBAABAAAAAgAAABcBBAABAAAAEAAAABwBAwABAAAAAQAAAAAAAAAIAAgACAAIAC0AALQAAAAA//9/AArIHmM='
    await write('a.tif', Buffer.from(tiff, 'base64'))
    const read = values(await all(await openDataset(folder, rgb(2, 2))), 'x')
    expect(read.map((value) => Math.round(Number(value) * 255))).toEqual([
      62, 255, 0, 150, 75, 255, 0, 34, 75, 255, 128, 138,
    ])
  })

  test('inks of a JPEG are colours too', async () => {
    // Of one colour, 8 × 8, whose codes are (6,123,141,152) by Pillow; its convert('RGB') makes (101,53,46) of them.
    const jpeg =
      '/9j/7gAOQWRvYmUAZAAAAAAA/9sAQwABAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB/8AAFAgACAAIBEMRAE0RAFkRAEsRAP/EABcAAAMBAAAAAAAAAAAAAAAAAAYHCAr/xAAUEAEAAAAAAAAAAAAAAAAAAAAA/9oADgRDAE0AWQBLAAA/AN5AgI9G7//Z'
    await write('a.jpg', Buffer.from(jpeg, 'base64'))
    const read = values(await all(await openDataset(folder, rgb(8, 8))), 'x')
    expect([0, 64, 128].map((at) => Math.round(Number(read[at]) * 255))).toEqual([101, 53, 46])
  })

  test('an undecodable image is named and counted up to 1 % and an error above', async () => {
    await png('ok.png', 1, 1, () => [1, 1, 1])
    await write('bad.png', 'no image at all')
    await expect(all(await openDataset(folder, rgb(1, 1)))).rejects.toMatchObject({
      code: 'bad-data',
      message: expect.stringMatching(/1 of 2 rows .* more than 1 %: bad\.png/),
    })
    for (let i = 0; i < 98; i++) await png(`n${i}.png`, 1, 1, () => [1, 1, 1])
    const dataset = await openDataset(folder, rgb(1, 1))
    expect(dataset.rows).toBe(100)
    const batches = await all(dataset)
    expect(batches.flatMap(({ indices }) => indices)).toHaveLength(99)
    expect(dataset.skipped).toEqual([{ row: 'bad.png', reason: 'it is no image of a kind that can be decoded' }])
    await all(dataset)
    expect(dataset.skipped).toHaveLength(1)
  })

  test('a field alone is read without decoding an image', async () => {
    for (const name of ['a', 'b', 'c']) await write(`${name}/x.png`, 'no image at all')
    const dataset = await openDataset(folder, rgb(1, 1))
    expect(await readField(dataset, 'label')).toEqual([0, 1, 2])
    expect(await readField(subset(dataset, [2, 0]), 'label')).toEqual([2, 0])
    await expect(readField(dataset, 'lable')).rejects.toMatchObject({
      hint: expect.stringMatching(/Did you mean "label"/),
    })
    await expect(all(dataset, { fields: ['y'] })).rejects.toThrow(/has no field "y"/)
  })

  test('empty folders', async () => {
    await expect(openDataset(folder)).rejects.toThrow(/holds no images and no dataset\.json/)
    await write('rows.npz', 'x')
    await expect(openDataset(folder)).rejects.toMatchObject({ hint: expect.stringContaining('rows.npz') })
  })

  test('the digest follows files, names and preprocessing', async () => {
    await png('a.png', 1, 1, () => [1, 1, 1])
    const digest = async (size: number) => (await openDataset(folder, rgb(size, size))).digest()
    const first = await digest(1)
    expect(await digest(1)).toBe(first)
    expect(await digest(2)).not.toBe(first)
    await png('a.png', 1, 1, () => [1, 1, 2])
    expect(await digest(1)).not.toBe(first)
  })
})

describe('preprocessing', () => {
  const open = (preprocessing: object | string, shape: readonly (number | string)[]) =>
    write('dataset.json', { preprocessing }).then(() =>
      openDataset(folder, { inputs: [{ name: 'x', dtype: 'float32', shape }] }),
    )

  test('letterbox in the middle and at the upper left, BGR, 0–255', async () => {
    await png('a.png', 1, 2, () => [10, 20, 30])
    const raw = { channels: 'bgr', scale: 1, kernel: 'nearest' }
    const centred = await open({ ...raw, letterbox: { size: [4, 4], pad: 114 } }, [1, 3, 4, 4])
    const p = 114
    const plane = (value: number) => [p, p, p, p, value, value, value, value, value, value, value, value, p, p, p, p]
    expect(values(await all(centred), 'x')).toEqual([...plane(30), ...plane(20), ...plane(10)])
    const corner = await open({ ...raw, letterbox: { size: [3, 2], align: 'top-left' } }, [1, 3, 3, 2])
    expect(values(await all(corner), 'x').slice(0, 6)).toEqual([30, 30, p, p, p, p])
    expect(corner.domains.x).toEqual([0, 255])
  })

  test('of an odd border around a letterboxed image, the smaller half goes first', async () => {
    await png('a.png', 1, 4, () => [9, 9, 9])
    const spec = { channels: 'gray', scale: 1, kernel: 'nearest', letterbox: { size: [4, 4], pad: 0 } }
    expect(values(await all(await open(spec, [1, 1, 4, 4])), 'x').map(Number)).toEqual(
      [0, 9, 0, 0].flatMap((value) => [value, value, value, value]),
    )
  })

  test('a high image is letterboxed by its height, and keeps a pixel of its width', async () => {
    const raw = { channels: 'gray', scale: 1, kernel: 'nearest' }
    const boxed = async (height: number, width: number, size: readonly number[]) => {
      await png('a.png', height, width, () => [9, 9, 9])
      const dataset = await open({ ...raw, letterbox: { size, pad: 0 } }, [1, 1, ...size])
      return values(await all(dataset), 'x').map(Number)
    }
    // Half as high, 2 × 1; of 3 columns that are left one goes first. 1.5 columns are 2, and a quarter is 1.
    expect(await boxed(4, 2, [2, 4])).toEqual([0, 9, 0, 0, 0, 9, 0, 0])
    expect(await boxed(4, 3, [2, 2])).toEqual([9, 9, 9, 9])
    expect(await boxed(3, 4, [2, 2])).toEqual([9, 9, 9, 9])
    expect(await boxed(8, 1, [2, 2])).toEqual([9, 0, 9, 0])
  })

  test('a crop takes the middle, the smaller half before it, and is black around an image that is smaller', async () => {
    await png('a.png', 1, 5, (_, x) => [10 * x + 5, 0, 0])
    const cropped = async (crop: readonly number[], resize?: readonly number[]) => {
      const dataset = await open({ crop, scale: 1, kernel: 'nearest', ...(resize ? { resize } : {}) }, [1, 3, ...crop])
      return values(await all(dataset), 'x')
        .slice(0, crop[0]! * crop[1]!)
        .map(Number)
    }
    expect(await cropped([1, 2])).toEqual([15, 25])
    expect(await cropped([1, 8])).toEqual([0, 0, 5, 15, 25, 35, 45, 0])
    // Twice in both directions by the nearest pixel: rows of columns 1, 1, 2, 2.
    expect(await cropped([3, 4], [2, 10])).toEqual([0, 0, 0, 0, 15, 25, 25, 35, 15, 25, 25, 35])
  })

  test('shorter edge, centre crop, mean and standard deviation', async () => {
    await png('a.png', 2, 6, (_, x) => [x * 10, 100, 255])
    const dataset = await open(
      { resize: 2, crop: [2, 2], mean: [0.5, 0.25, 0], std: [0.5, 0.5, 2], layout: 'nhwc' },
      [1, 2, 2, 3],
    )
    const read = values(await all(dataset), 'x').map(Number)
    const pixel = (x: number) => [(x * 10) / 255 / 0.5 - 1, (100 / 255 - 0.25) / 0.5, 0.5]
    for (const [i, value] of [...pixel(2), ...pixel(3)].entries()) expect(read[i]).toBeCloseTo(value, 6)
  })

  test("sizes and values as Hugging Face's processors make them from the less common fields", async () => {
    // 40 × 30, left half black, right half white.
    await png('a.png', 30, 40, (_, x) => (x < 20 ? [0, 0, 0] : [255, 255, 255]))
    const prepared = async (config: object) => {
      await write('preprocessor_config.json', config)
      const dataset = await openDataset(folder, { inputs: [{ name: 'x', dtype: 'float32', shape: [1, 3, 'h', 'w'] }] })
      const [batch] = await all(dataset)
      const { dims, data } = batch!.columns.x!
      return { size: dims.slice(2), ends: [Number(data[0]), Number(data.at(-1))], notes: dataset.notes.join() }
    }
    const plain = { do_normalize: false, size: { shortest_edge: 15 } }
    expect((await prepared(plain)).size).toEqual([15, 20])
    expect((await prepared({ ...plain, size: { shortest_edge: 15, longest_edge: 16 } })).size).toEqual([12, 16])
    expect((await prepared({ ...plain, size: 15, max_size: 16 })).size).toEqual([12, 16])
    expect((await prepared({ ...plain, size: 15, max_size: 100 })).size).toEqual([15, 20])
    // 26.7 are 26, as of 10.5 and 14.7 eleven and fourteen.
    expect((await prepared({ ...plain, size: { shortest_edge: 20 } })).size).toEqual([20, 26])
    expect((await prepared({ ...plain, size: 15, max_size: 14 })).size).toEqual([11, 14])
    // Of the 20 × 26 that 15 / 0.75 makes, the middle: the border between black and white stays where it was.
    expect((await prepared({ ...plain, crop_pct: 0.75 })).size).toEqual([15, 15])
    const cut = await prepared({ ...plain, crop_pct: 0.75, do_center_crop: true, crop_size: 10 })
    expect([cut.size, cut.ends]).toEqual([
      [10, 10],
      [0, 1],
    ])
    expect((await prepared({ ...plain, size: { shortest_edge: 384 }, crop_pct: 0.75 })).size).toEqual([384, 384])
    const around = { ...plain, rescale_factor: 1 / 127.5, rescale_offset: true }
    expect((await prepared(around)).ends).toEqual([-1, 1])
    const twice = { size: 15, image_mean: [0.5], image_std: [0.5], include_top: true }
    expect((await prepared(twice)).ends).toEqual([-2, 2])
    await png('a.png', 40, 30, () => [0, 0, 0])
    expect((await prepared({ ...plain, size: { shortest_edge: 20 } })).size).toEqual([26, 20])
    await png('a.png', 1, 100, () => [0, 0, 0])
    expect((await prepared({ ...plain, size: 10, max_size: 10 })).size).toEqual([1, 100])
    const { notes } = await prepared({ ...plain, do_pad: true, do_thumbnail: true, do_convert_rgb: true })
    expect(notes).toMatch(/"do_pad" of .* is not done/)
    expect(notes).toMatch(/"do_thumbnail" of .* is not done/)
    expect(notes).not.toMatch(/do_convert_rgb/)
  })

  test('pixels are those in the file, whatever colour profile it names', async () => {
    const data = Uint8Array.from({ length: 12 }, (_, i) => i * 20)
    const raw = { width: 2, height: 2, channels: 3 } as const
    const file = await sharp(data, { raw }).withIccProfile('p3').png().toBuffer()
    const stored = await sharp(file, { ignoreIcc: true }).raw().toBuffer()
    expect([...stored]).not.toEqual([...data])
    await writeFile(join(folder, 'p3.png'), file)
    const dataset = await open({ scale: 1, layout: 'nhwc' }, [1, 2, 2, 3])
    expect(values(await all(dataset), 'x').map(Number)).toEqual([...stored])
  })

  test("Hugging Face's preprocessor_config.json", async () => {
    await png('a.png', 4, 8, (_, x) => [x < 4 ? 0 : 255, 128, 64])
    await write('preprocessor_config.json', {
      image_processor_type: 'CLIPImageProcessor',
      do_resize: true,
      size: { shortest_edge: 4 },
      do_center_crop: true,
      crop_size: { height: 4, width: 4 },
      do_rescale: true,
      rescale_factor: 0.00392156862745098,
      do_normalize: true,
      image_mean: [0.48145466, 0.4578275, 0.40821073],
      image_std: [0.26862954, 0.26130258, 0.27577711],
      resample: 3,
    })
    const dataset = await openDataset(folder, rgb(4, 4))
    const read = values(await all(dataset), 'x').map(Number)
    expect(read).toHaveLength(48)
    expect(read[0]).toBeCloseTo((0 - 0.48145466) / 0.26862954, 5)
    expect(read[3]).toBeCloseTo((1 - 0.48145466) / 0.26862954, 5)
    expect(read[16]).toBeCloseTo((128 / 255 - 0.4578275) / 0.26130258, 5)
    await expect(openDataset(folder, rgb(5, 5))).rejects.toThrow(/rows of shape \[3,4,4\].*takes \[n,3,5,5\]/)
  })

  test.each([
    [{ resiz: 3 }, /"preprocessing.resiz" .* is not known/],
    [{ channels: 'rbg' }, /must be one of rgb, bgr, gray/],
    [{ mean: [1, 2] }, /must be a number or 3 numbers/],
    [{ std: 0 }, /must be not 0/],
    [{ resize: [0, 4] }, /must be a number of pixels or \[height, width\]/],
    [{ letterbox: { size: 4 }, resize: 4 }, /left out where there is a "resize"/],
    ['nowhere.json', /it does not exist/],
  ])('refused: %j', async (preprocessing, message) => {
    await png('a.png', 1, 1, () => [1, 1, 1])
    await expect(open(preprocessing, ['n', 3, 1, 1])).rejects.toThrow(message)
  })
})

describe('preprocessor_config.json, field by field', () => {
  const of = (config: object) => fromPreprocessorConfig({ ...config }, { ...KEEP_AS_IS, resize: [3, 3] }, 'p.json')
  const asItIs = { ...KEEP_AS_IS }
  test.each<[string, object, object]>([
    ['a name alone', { image_processor_type: 'ViTImageProcessor' }, {}],
    ['an older name alone', { feature_extractor_type: 'ViTFeatureExtractor' }, {}],
    ['one number for all channels', { image_mean: 0.5, image_std: 0.25 }, { mean: [0.5], std: [0.25] }],
    ['no mean', { image_mean: null, image_std: [0.5, 0.5, 0.5] }, { std: [0.5, 0.5, 0.5] }],
    ['a size', { size: { height: 8, width: 6 } }, { resize: [8, 6] }],
    ['a size with a longest edge', { size: { height: 8, width: 6, longest_edge: 7 } }, { resize: [8, 6] }],
    ['a number for a square', { size: 8 }, { resize: [8, 8] }],
    ['a number for the shorter edge', { size: 8, do_center_crop: true }, { resize: 8, crop: [8, 8] }],
    ['no resizing', { size: 8, do_resize: false }, {}],
    ['no size', { do_resize: true, image_mean: null }, {}],
    [
      'a crop alone',
      { size: 8, do_resize: false, do_center_crop: true, crop_size: { height: 4, width: 5 } },
      { crop: [4, 5] },
    ],
    ['a crop that is not done', { size: 8, do_center_crop: false, crop_size: 4 }, { resize: [8, 8] }],
    ['a share of a crop', { size: 224, crop_pct: 0.875 }, { resize: 256, crop: [224, 224] }],
    ['a share that is no whole number', { size: 100, crop_pct: 0.3 }, { resize: 333, crop: [100, 100] }],
    ['the last size that is cropped', { size: 383, crop_pct: 1 }, { resize: 383, crop: [383, 383] }],
    ['the first that is stretched', { size: 384, crop_pct: 0.5 }, { resize: [384, 384] }],
    ['a share of nothing', { size: { shortest_edge: 8 }, crop_pct: 0 }, { resize: 8 }],
    ['channels turned', { size: 8, do_flip_channel_order: true }, { resize: [8, 8], channels: 'bgr' }],
    ['pixels as they are', { size: 8, do_rescale: false, rescale_offset: true }, { resize: [8, 8], scale: 1 }],
    [
      'nothing normalized',
      { size: 8, do_normalize: false, image_mean: 0.5, image_std: 0.5, include_top: true },
      { resize: [8, 8] },
    ],
  ])('%s', (_, config, expected) => {
    expect(of(config).spec).toEqual({ ...asItIs, ...expected })
    expect(of(config).notes).toEqual([])
  })
  test('filters by the numbers that Pillow gives them, linear where none is named', () => {
    const kernels = [0, 1, 2, 3, 4, 5, undefined].map((resample) => of({ size: 8, resample }).spec.kernel)
    expect(kernels).toEqual(['nearest', 'lanczos', 'linear', 'cubic', 'box', 'hamming', 'linear'])
    const { spec, notes } = of({ size: 8, resample: 9 })
    expect([spec.kernel, ...notes]).toEqual([
      'linear',
      'Resampling filter 9 of "p.json" is not available: linear is used.',
    ])
    expect(of({ size: 8, size_divisor: 32, do_pad: false, do_reduce_labels: true }).notes).toEqual([
      '"size_divisor" of "p.json" is not done.',
      '"do_reduce_labels" of "p.json" is not done.',
    ])
  })
  test.each<[string, object]>([
    ['size', { size: {} }],
    ['size', { size: { height: 8 } }],
    ['size', { size: { width: 8 } }],
    ['size', { size: { height: 8, width: 0 } }],
    ['size', { size: 8.5 }],
    ['size', { size: { shortest_edge: -8 } }],
    ['crop_pct', { size: { height: 8, width: 6 }, crop_pct: 0.5 }],
    ['crop_size', { size: 8, do_center_crop: true, crop_size: { height: 8 } }],
    ['crop_size', { size: 8, do_center_crop: true, crop_size: { width: 8 } }],
    ['image_mean', { image_mean: [] }],
    ['image_mean', { image_mean: [0.5, 'x'] }],
    ['image_std', { size: 8, image_std: [Number.NaN, 1, 1] }],
  ])('"%s" that says nothing is refused: %j', (key, config) => {
    expect(() => of(config)).toThrow(`"${key}" in "p.json" cannot be understood.`)
  })
  test('what describes no images is refused', () => {
    expect(() => of({ do_resize: true })).toThrow(/does not describe how images are prepared/)
  })
})

describe('the preprocessing of a dataset.json, field by field', () => {
  const base = { ...KEEP_AS_IS, resize: [8, 8] as const }
  const of = (given: object) => parsePreprocessing({ ...given }, base, 'dataset.json')
  test('a size that was inferred holds until another is named', () => {
    expect(of({})).toEqual(base)
    expect(of({ resize: 4 }).resize).toBe(4)
    expect(of({ resize: [4, 6] }).resize).toEqual([4, 6])
    expect(of({ crop: 4 })).toEqual({ ...KEEP_AS_IS, crop: [4, 4] })
    const letterbox = { size: [4, 6], pad: 114, align: 'center' }
    expect(of({ letterbox: { size: [4, 6] } })).toEqual({ ...KEEP_AS_IS, letterbox })
  })
  test.each([
    { antialias: false },
    { antialias: true },
    { channels: 'gray', mean: [0.5], std: [0.5] },
    { scale: 0.5, mean: [1, 2, 3], layout: 'nhwc', dtype: 'uint8', kernel: 'box' },
    { resize: undefined, letterbox: { size: [4, 4], pad: 0, align: 'top-left' } },
    { resize: undefined, letterbox: { size: [4, 4], pad: 255, align: 'center' } },
  ])('taken: %j', (given) => {
    expect(of(given)).toEqual({ ...base, ...given })
  })
  test.each<[object, string]>([
    ...[[4], [4, 4, 4], ['4', 4], 1.5, -1, '8'].map((resize) => [{ resize }, 'resize" in'] as [object, string]),
    [{ crop: 0 }, 'crop" in'],
    [{ mean: ['x'] }, 'a number or 3 numbers'],
    [{ mean: [0, 0, Number.NaN] }, 'a number or 3 numbers'],
    [{ channels: 'gray', mean: [0, 0, 0] }, 'a number or 1 numbers'],
    [{ std: [1, 0, 1] }, 'not 0'],
    [{ scale: '1/255' }, 'scale" in'],
    [{ scale: Number.NaN }, 'scale" in'],
    [{ antialias: 'no' }, 'one of true, false'],
    [{ dtype: 'int8' }, 'one of float32, uint8'],
    [{ letterbox: 4 }, 'an object like'],
    [{ letterbox: null }, 'an object like'],
    [{ letterbox: [4, 4] }, 'an object like'],
    [{ letterbox: { size: 4, padding: 0 } }, '"preprocessing.letterbox.padding" in "dataset.json" is not known'],
    [{ letterbox: {} }, 'letterbox.size" in'],
    [{ letterbox: { size: 0 } }, 'letterbox.size" in'],
    ...[-1, 256, 1.5, '0'].map(
      (pad) => [{ letterbox: { size: 4, pad } }, 'a pixel value from 0 to 255'] as [object, string],
    ),
    [{ letterbox: { size: 4, align: 'left' } }, 'one of center, top-left'],
  ])('refused: %j', (given, problem) => {
    expect(() => of(given)).toThrow(problem)
  })
})

test('what a model’s input tells of its images: layout, channels, size, and whether pixels are whole', () => {
  const of = (shape: readonly (number | string)[], dtype: 'float32' | 'uint8' = 'float32') => {
    const { spec, note } = inferPreprocessing({ name: 'x', dtype, shape })
    return [spec.layout, spec.channels, spec.resize, spec.scale, spec.dtype, /: (.*?)\. If/.exec(note)?.[1]]
  }
  const unit = 1 / 255
  expect(of([1, 224, 225, 3], 'uint8')).toEqual([
    ...['nhwc', 'rgb', [224, 225], 1, 'uint8'],
    'RGB, channels last, stretched to 224×225, pixels as they are',
  ])
  expect(of(['n', 1, 8, 6])).toEqual([
    ...['nchw', 'gray', [8, 6], unit, 'float32'],
    'gray, channels first, stretched to 8×6, pixels scaled to 0–1',
  ])
  expect(of(['n', 8, 6, 1]).slice(0, 3)).toEqual(['nhwc', 'gray', [8, 6]])
  // What could be either is read as most models have it.
  for (const shape of [
    [1, 3, 5, 3],
    [1, 3, 5, 1],
  ])
    expect(of(shape).slice(0, 3)).toEqual(['nchw', 'rgb', [5, shape[3]]])
  for (const shape of [
    ['n', 3, 'h', 8],
    ['n', 3, 8, 'w'],
  ])
    expect(of(shape).slice(2)).toEqual([
      ...[undefined, unit, 'float32'],
      'RGB, channels first, in their own size, pixels scaled to 0–1',
    ])
  for (const input of [undefined, { name: 'x', dtype: 'float32' as const, shape: [3, 8, 6] }])
    expect(inferPreprocessing(input)).toEqual({ spec: KEEP_AS_IS, note: expect.stringMatching(/keep their size/) })
  expect(pixelRanges({ ...KEEP_AS_IS, mean: [0.5], std: [0.5] })).toEqual(Array(3).fill([-1, 1]))
  expect(pixelRanges({ ...KEEP_AS_IS, channels: 'gray' })).toEqual([[0, 1]])
  expect(imageShape({ ...KEEP_AS_IS, resize: 8 })).toEqual([3, null, null])
  expect(imageShape({ ...KEEP_AS_IS, resize: [8, 6], layout: 'nhwc' })).toEqual([8, 6, 3])
})

const zoo = process.env.WHETSTONE_ZOO
test.skipIf(!zoo || !existsSync(zoo)).each([
  ['objects', 8, [1, 3, 416, 416]],
  ['faces', 24, [1, 3, 240, 320]],
])('images/%s of the zoo (skipped where WHETSTONE_ZOO is not set)', async (name, count, shape) => {
  const dataset = await openDataset(join(zoo!, 'data/images', name), {
    inputs: [{ name: 'x', dtype: 'float32', shape }],
  })
  expect(dataset.rows).toBe(count)
  let rows = 0
  for await (const { columns, indices } of dataset.read({ batch: 5 })) {
    rows += indices.length
    expect(columns.x!.dims.slice(1)).toEqual(shape.slice(1))
    for (const value of columns.x!.data as Float32Array)
      if (!(value >= 0 && value <= 1)) throw new Error(`value ${value}`)
  }
  expect(rows).toBe(count)
  expect(dataset.skipped).toEqual([])
})
