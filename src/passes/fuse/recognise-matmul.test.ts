import { expect, test } from 'vitest'
import { randomList, rewriteEqually, rewriteWith } from '../../../tests/rewrite-kit.ts'
import { recogniseMatMul } from './recognise-matmul.ts'

const SIZES = { sizes: { N: 2, T: 5, S: 3 } }
const model = (equation: string, a: string, b: string, weights?: readonly number[], opset = 17) => {
  const constant =
    weights &&
    `<float[${weights}] b = ${randomList(
      weights.reduce((x, y) => x * y, 1),
      3,
    )}>`
  const inputs = [`float[${a}] a`, ...(weights ? [] : [`float[${b}] b`])].join(', ')
  return `<ir_version: 8, opset_import: ["" : ${opset}]> g (${inputs}) => (float y) ${constant ?? ''} {
    y = Einsum<equation = "${equation}">(a, b)
  }`
}

test.each([
  ['a dense layer', 'abc,cd->abd', 'N,T,4', [4, 6], ['MatMul']],
  ['heads of Keras and Flax', 'abc,cde->abde', 'N,T,4', [4, 2, 3], ['Reshape', 'MatMul', 'Reshape']],
  ['heads that are joined', 'abcd,cde->abe', 'N,T,2,3', [2, 3, 4], ['Reshape', 'Reshape', 'MatMul']],
  [
    'heads that are joined, in one that is kept',
    'abcd,cde->bae',
    'N,T,2,3',
    [2, 3, 4],
    ['Transpose', 'Reshape', 'Reshape', 'MatMul'],
  ],
  ['an ellipsis', '...id,jd->...ij', 'N,3,T,4', [6, 4], ['Transpose', 'MatMul']],
  ['no arrow', 'ba,ac', '3,4', [4, 6], ['MatMul']],
  ['the places of a picture, by row', 'bhwc,hkc->bhwk', 'N,3,T,4', [3, 5, 4], ['Transpose', 'MatMul']],
  [
    'the places of a picture, by column',
    'bhwc,wkc->bhwk',
    'N,S,3,4',
    [3, 5, 4],
    ['Transpose', 'Transpose', 'MatMul', 'Transpose'],
  ],
  ['one vector', '...d,d->...', 'N,T,4', [4], ['Unsqueeze', 'MatMul', 'Squeeze']],
] as const)('with weights: %s', async (_, equation, a, weights, operators) => {
  const source = model(equation, a, '', weights)
  expect((await rewriteEqually(recogniseMatMul, source, SIZES)).ops).toEqual(operators)
})

test('weights in front go to the right, where kernels pack them ahead', async () => {
  const source = model('ij,bjd->bid', '6,4', 'N,4,T')
    .replace('float[6,4] a, ', '')
    .replace('{', `<float[6,4] a = ${randomList(24, 3)}> {`)
  expect((await rewriteEqually(recogniseMatMul, source, SIZES)).ops).toEqual([
    'Transpose',
    'Transpose',
    'MatMul',
    'Transpose',
  ])
})

test.each([
  ['scores', 'bhid,bhjd->bhij', 'N,2,T,4', 'N,2,S,4', ['Transpose', 'MatMul']],
  ['scores of Keras', 'aecd,abcd->acbe', 'N,T,2,4', 'N,S,2,4', ['Transpose', 'Transpose', 'MatMul']],
  ['what is attended to', 'bhqk,bkhd->bqhd', 'N,2,T,5', 'N,5,2,3', ['Transpose', 'MatMul', 'Transpose']],
  ['a sum behind an ellipsis', '...nd,...ne->...de', 'N,2,5,4', 'N,2,5,3', ['Transpose', 'MatMul']],
  ['no columns', '...nd,...d->...n', 'N,2,T,4', 'N,2,4', ['Unsqueeze', 'MatMul', 'Squeeze']],
  ['no rows', 'bd,bdn->bn', 'N,4', 'N,4,3', ['Unsqueeze', 'MatMul', 'Squeeze']],
  ['a batch on one side', 'ghid,hjd->ghij', 'N,3,T,4', '3,S,4', ['Transpose', 'MatMul']],
  ['a batch between others', 'ahbid,adj->ahbij', '2,3,N,T,4', '2,4,S', ['Unsqueeze', 'MatMul']],
  ['batches of one', 'bij,bjk->bik', '1,T,4', 'N,4,S', ['MatMul']],
] as const)('of activations: %s', async (_, equation, a, b, operators) => {
  expect((await rewriteEqually(recogniseMatMul, model(equation, a, b), SIZES)).ops).toEqual(operators)
})

test.each([
  ['an axis twice', 'iij,jk->ik', '3,3,4', '4,5', 'twice'],
  ['an axis that is summed by itself', 'ijz,jk->ik', '2,4,3', '4,5', 'by itself'],
  ['nothing summed', 'i,j->ij', '4', '5', 'sums nothing'],
  ['a size that may be one', 'ij,jk->ik', '2,T', 'S,5', 'not known to be the same'],
  ['a size that is one', 'ij,jk->ik', '2,1', '4,5', 'not known to be the same'],
  ['columns that are computed', 'ij,jkl->ikl', '2,4', '4,5,3', 'known only when it runs'],
])('refused: %s', async (_, equation, a, b, reason) => {
  expect((await rewriteWith(recogniseMatMul, model(equation, a, b))).reasons.join()).toMatch(reason)
})

test('refused: an operator set whose Unsqueeze takes no input, and operands without a rank', async () => {
  expect((await rewriteWith(recogniseMatMul, model('ij,jk->ik', '2,4', '4,3', undefined, 12))).reasons.join()).toMatch(
    'opset',
  )
  const any = model('ij,jk->ik', '2,4', '4,3').replace('float[2,4] a', 'float a')
  expect((await rewriteWith(recogniseMatMul, any)).reasons.join()).toMatch('ranks')
})
