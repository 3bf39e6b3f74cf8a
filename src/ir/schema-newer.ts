/** The newest standard operator set that the table covers. */
export const NEWEST_OPSET = 25

/**
 * Operators and versions of operator sets 23 to 25, written by hand after ONNX's change log, in the format of
 * `gen/operators.ts`. A type set `-` means that the types are not checked. Versions that only add element types (`Cast`
 * 23, `Reshape` 25, …) are not repeated: types are checked up to operator set 22 only.
 */
export const NEWER_OPERATORS = `
Attention 23;3-6;1-4;T1 T1 T2 U? T1? T2?;T1 T1? T2? T1?;is_causal:i kv_num_heads:i q_num_heads:i qk_matmul_output_mode:i scale:f softcap:f softmax_precision:i;T1:- T2:- U:-|24;3-7;=;T1 T1 T2 U? T1? T2? V?;=;=;T1:- T2:- U:- V:-
RMSNormalization 23;2-2;1-1;T V;V;axis:i epsilon:f stash_type:i;T:- V:-
RotaryEmbedding 23;3-4;1-1;T T T M?;T;interleaved:i num_heads:i rotary_embedding_dim:i;T:- M:-
Swish 24;1-1;1-1;T;T;alpha:f;T:-
TensorScatter 24;2-3;1-1;T T I?;T;axis:i mode:s;T:- I:-
DequantizeLinear 23;2-3;1-1;T1 T2 T1?;T3;axis:i block_size:i output_dtype:i;T1:- T2:- T3:-
QuantizeLinear 23;2-3;1-1;T1 T2 T3?;T3;axis:i block_size:i output_dtype:i precision:i saturate:i;T1:- T2:- T3:-
Cast 24;1-1;1-1;T1;T2;round_mode:s saturate:i to:i!;T1:- T2:-
CastLike 24;2-2;1-1;T1 T2;T2;round_mode:s saturate:i;T1:- T2:-
`
