import { describe, expect, test } from 'vitest'
import {
  anomalyIndex,
  bandsFor,
  chanceOfPair,
  confidentJoint,
  type LabelCheck,
  labelErrors,
  labelQuality,
  nearDuplicates,
  spectralSignature,
  thresholdOf,
} from './index.ts'

const near = (actual: ArrayLike<number>, expected: readonly number[], digits = 9) => {
  expect(actual.length).toBe(expected.length)
  for (const [i, value] of expected.entries()) expect(actual[i], `at ${i}`).toBeCloseTo(value, digits)
}

test('the anomaly index of reversed triggers', () => {
  const found = anomalyIndex([45, 52, 48, 50, 47, 51, 12, 49, 53, 46])
  expect(found.median).toBe(48.5)
  expect(found.deviation).toBeCloseTo(3.7065, 12)
  near(
    found.index,
    [
      0.9442870632672333, 0.9442870632672333, 0.13489815189531904, 0.40469445568595713, 0.40469445568595713,
      0.6744907594765952, 9.84756508835829, 0.13489815189531904, 1.2140833670578715, 0.6744907594765952,
    ],
    12,
  )
  expect(found.suspects).toEqual([6])
  // A large norm is no backdoor; equal values are no anomaly.
  expect(anomalyIndex([10, 11, 12, 90]).suspects).toEqual([])
  expect(anomalyIndex([5, 5, 5, 1])).toEqual({ median: 5, deviation: 0, index: [0, 0, 0, Infinity], suspects: [3] })
  expect(() => anomalyIndex([])).toThrow(/at least one/)
  expect(() => anomalyIndex([1, Number.NaN])).toThrow(/value 1/)
})

describe('spectral signature', () => {
  // 36 rows of noise, 4 that a trigger moved along the first feature; scores by numpy's SVD.
  const rows = [
    [-0.333027277142, 0.007583502447, 0.165478952695, 0.089802092174],
    [0.063544013537, -0.164798575686, -0.11312625045, -0.235961594386],
    [0.263172572479, -0.437726998935, -0.296833512839, 0.433109753067],
    [0.247791278176, 0.013373895315, 0.419167927932, -0.26869102451],
    [0.308495149016, 0.12398446328, 0.474809226114, 0.063165882835],
    [0.42719417531, -0.379273428814, 0.131970541086, -0.499030773295],
    [0.038148963824, 0.140076974174, -0.138495036867, -0.215172264492],
    [-0.377485805191, -0.32381774229, -0.491417248268, -0.059104787884],
    [-0.160985108465, 0.498400341487, 0.064480886329, 0.283384694019],
    [0.143880502321, -0.070806454169, 0.122942929622, -0.184003324015],
    [0.103161795065, -0.377001779387, 0.349234203342, 0.29838639521],
    [-0.149444435723, 0.236695936648, -0.459982723463, 0.493295178981],
    [0.393862150609, -0.367688760394, 0.102172766346, 0.359970854828],
    [-0.276799227111, 0.002560966415, 0.02869045129, 0.209502223181],
    [-0.075892327353, -0.440119875828, -0.300244302955, 0.087692592526],
    [-0.25135792885, -0.320450668456, 0.087156194728, -0.098902622936],
    [0.347624938935, -0.362451177323, 0.190134011675, 0.051850756863],
    [0.117135577835, 0.333764013601, -0.219192045275, -0.403093599482],
    [-0.137608984485, -0.35883236886, -0.212708753999, 0.197317250306],
    [-0.267866787501, 0.271603404311, -0.107370488811, 0.373179369839],
    [-0.373350918293, 0.298796318239, 0.177684080321, -0.170135145774],
    [0.03254832048, -0.270785569446, -0.113914398942, -0.128831197275],
    [0.487424055114, -0.238592749694, -0.360617035534, 0.164995353902],
    [0.127521297894, -0.375554320635, -0.319487456698, 0.377207783284],
    [0.021538216621, 0.13608851633, -0.026287257206, 0.439267663518],
    [0.243685216643, 0.371300522937, 0.239008863922, 0.465288087027],
    [-0.110873164609, 0.081747052958, 0.249393279199, -0.415874048835],
    [0.484931449406, -0.243109756382, -0.031174079049, 0.202138305875],
    [0.499653793871, 0.467311769491, 0.359180082101, 0.462227763841],
    [-0.095324705355, -0.119112841086, -0.065741470549, -0.085198026849],
    [-0.00957278721, 0.092436672887, 0.389004929457, -0.333727847552],
    [-0.109378398396, 0.157477746485, -0.117964413483, -0.479284311412],
    [-0.482384923846, 0.47070399276, -0.20038350625, -0.119672203204],
    [-0.137969604693, 0.379815769149, 0.079210696276, 0.420287243323],
    [-0.140239143744, -0.32467269362, 0.420720966998, -0.196338869398],
    [0.279482501559, -0.15302460012, -0.036447205115, -0.048026255099],
    [3.333799138665, 0.247354663676, 0.257622685749, -0.362935533514],
    [2.967145171948, -0.446595653193, -0.393563224468, 0.409859742271],
    [3.023571247235, 0.166371712228, 0.110364756081, 0.131684120977],
    [2.747537708841, 0.440876978217, -0.011765886564, -0.37626464921],
  ]
  const scores = [
    0.4376096109660855, 0.07062500770334317, 0.007936276327757579, 0.004893854849874535, 0.00017256069636672767,
    0.010327956340091326, 0.08122369285792065, 0.5167116126104071, 0.2341542796159657, 0.0328960319778052,
    0.055864881519910946, 0.23969564597572607, 0.002486356552404164, 0.3718194977036179, 0.17697789857138707,
    0.3414354946272953, 0.00013196795958635, 0.03948413889493262, 0.2320613801522731, 0.36000637198333696,
    0.4754340565273675, 0.09085976300504918, 0.020863507700225315, 0.0494406984852477, 0.09871680375192868,
    0.007047194992049629, 0.18141946499714956, 0.021123195003718245, 0.030862989415589785, 0.18155858777560577,
    0.10522654421100058, 0.18159998627057616, 0.6409342854883395, 0.21744433310530195, 0.21804290110089944,
    0.002775583832221144, 9.117437914894102, 6.824560039888895, 7.263870281383802, 5.928010558963965,
  ]
  test('scores and suspects', () => {
    const found = spectralSignature(rows, 0.1)
    near(found.scores, scores, 9)
    expect(found.suspects).toEqual([7, 32, 36, 37, 38, 39])
  })
  test('a constant added to a feature hides nothing', () => {
    const moved = rows.map((row) => row.map((value, j) => value + (j === 2 ? 50 : 0)))
    near(spectralSignature(moved, 0.1).scores, scores, 9)
  })
  test('all rows equal, no rows, bad input', () => {
    expect([
      ...spectralSignature(
        [
          [1, 2],
          [1, 2],
        ],
        0.5,
      ).scores,
    ]).toEqual([0, 0])
    expect(spectralSignature([], 0.1)).toEqual({ scores: new Float64Array(0), suspects: [] })
    expect(() => spectralSignature([[1], [1, 2]], 0.1)).toThrow(/row 1 has 2 features/)
    expect(() => spectralSignature([[Number.NaN]], 0.1)).toThrow(/feature 0 of row 0/)
    expect(() => spectralSignature([[1]], 0)).toThrow(/share/)
  })
})

describe('near duplicates', () => {
  test('bands: thresholds and chances as published', () => {
    const usual = { bands: 14, rows: 8 }
    expect(thresholdOf(usual)).toBeCloseTo(0.7190084519372291, 12)
    near(
      [0.7, 0.8, 0.9].map((s) => chanceOfPair(s, usual)),
      [0.5645040423914174, 0.9235475586325811, 0.9996221997318117],
      12,
    )
    expect(bandsFor(0.7, 128)).toEqual({ bands: 14, rows: 9 })
    expect(bandsFor(0.7, 240)).toEqual({ bands: 24, rows: 10 })
    expect(bandsFor(0.7, 256)).toEqual({ bands: 25, rows: 10 })
    expect(() => bandsFor(1, 128)).toThrow(/threshold/)
    expect(() => bandsFor(0.7, 0)).toThrow(/hashes/)
  })
  test('copies, nearly copies and a leak are found; texts that share words alone are not', () => {
    const words = (from: number, count: number) => Array.from({ length: count }, (_, i) => `word${from + i}`)
    const long = words(0, 60)
    const texts = [
      long.join(' '),
      words(100, 60).join(' '),
      long.map((word, i) => (i === 30 ? 'other' : word)).join(', '),
      [...long].reverse().join(' '),
      'short',
      words(100, 60).join(' ').toUpperCase(),
      'Short!',
    ]
    expect(nearDuplicates(texts)).toEqual([
      [0, 2],
      [1, 5],
      [4, 6],
    ])
    expect(nearDuplicates(texts, { seed: 9 })).toEqual([
      [0, 2],
      [1, 5],
      [4, 6],
    ])
    // 51 of 61 sequences in common: 0.836.
    expect(nearDuplicates(texts, { threshold: 0.9 })).toEqual([
      [1, 5],
      [4, 6],
    ])
    expect(nearDuplicates([])).toEqual([])
    expect(nearDuplicates(['', ''])).toEqual([[0, 1]])
  })
})

describe('label errors, equal to cleanlab 2.9', () => {
  const labels = [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2]
  const probabilities = [
    [0.9, 0.05, 0.05],
    [0.8, 0.1, 0.1],
    [0.1, 0.85, 0.05],
    [0.7, 0.2, 0.1],
    [0.05, 0.9, 0.05],
    [0.1, 0.8, 0.1],
    [0.6, 0.3, 0.1],
    [0.15, 0.75, 0.1],
    [0.05, 0.05, 0.9],
    [0.1, 0.1, 0.8],
    [0.2, 0.7, 0.1],
    [0.05, 0.15, 0.8],
  ]
  const input = { labels, probabilities }
  test('the confident joint', () => {
    const found = confidentJoint(input)
    near(found.thresholds, [0.625, 0.6875, 0.65], 12)
    expect(found.counts).toEqual([
      [3, 1, 0],
      [0, 3, 0],
      [0, 1, 3],
    ])
    expect(found.calibrated).toEqual([
      [3, 1, 0],
      [0, 4, 0],
      [0, 1, 3],
    ])
    for (const [k, line] of [
      [0.25, 0.08333333333333333, 0.0],
      [0.0, 0.3333333333333333, 0.0],
      [0.0, 0.08333333333333333, 0.25],
    ].entries())
      near(found.joint[k]!, line, 12)
  })
  test.each<[LabelCheck, number[]]>([
    ['noise-rate', [2, 10]],
    ['class', [2, 10]],
    ['both', [2, 10]],
    ['confident', [2, 10]],
    ['predicted', [2, 10, 6]],
    ['self-confidence', [2, 10]],
    ['margin', [2, 10]],
  ])('by %s', (by, rows) => {
    expect(labelErrors(input, by)).toEqual(rows)
  })
  test('quality', () => {
    near(labelQuality(input), [0.9, 0.8, 0.1, 0.7, 0.9, 0.8, 0.3, 0.75, 0.9, 0.8, 0.1, 0.8], 12)
    near(labelQuality(input, 'margin'), [0.925, 0.85, 0.125, 0.75, 0.925, 0.85, 0.35, 0.8, 0.925, 0.85, 0.2, 0.825], 12)
    near(
      labelQuality(input, 'entropy'),
      [
        0.841535, 0.751541, 0.36962, 0.685034, 0.841535, 0.751541, 0.482634, 0.71595, 0.841535, 0.751541, 0.289934,
        0.758691,
      ],
      6,
    )
    expect(labelQuality({ labels: [0], probabilities: [[1, 0]] }, 'entropy')).toEqual([1])
  })
  test('bad input is named', () => {
    expect(() =>
      confidentJoint({
        labels: [0, 0],
        probabilities: [
          [1, 0],
          [1, 0],
        ],
      }),
    ).toThrow(/no row has label 1/)
    expect(() => labelErrors({ labels: [2], probabilities: [[1, 0]] })).toThrow(/label of row 0 is 2/)
    expect(() => labelErrors({ labels: [], probabilities: [[1, 0]] })).toThrow(/0 labels for 1 rows/)
    expect(() => labelErrors({ labels: [], probabilities: [] })).toThrow(/two classes/)
    expect(() => labelQuality({ labels: [0], probabilities: [[Number.NaN, 1]] })).toThrow(/probability 0 of row 0/)
    // Scores without bounds are no probabilities, whatever is greatest among them.
    expect(() => labelErrors({ labels: [0], probabilities: [[2.5, -1]] })).toThrow(/is 2\.5: .* a softmax/)
  })
})
