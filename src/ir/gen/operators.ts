// Made by scripts/generate-operators.py from ONNX's own schemas; do not edit.

/** One line an operator, as the script describes. */
export const OPERATORS = `
Abs 1;1-1;1-1;T;T;consumed_inputs:I;T:0|6;=;=;=;=;;T:1|13;=;=;=;=;=;T:2
Acos 7;1-1;1-1;T;T;;T:0|22;=;=;=;=;=;T:3
Acosh 9;1-1;1-1;T;T;;T:0|22;=;=;=;=;=;T:3
Add 1;2-2;1-1;T T;T;axis:i broadcast:i consumed_inputs:I;T:0|6;=;=;=;=;axis:i broadcast:i;T:4|7;=;=;=;=;;=|13;=;=;=;=;=;T:5|14;=;=;=;=;=;T:2
AffineGrid 20;2-2;1-1;T1 T2;T1;align_corners:i;T1:3 T2:6
And 1;2-2;1-1;T T;T1;axis:i broadcast:i;T:7 T1:7|7;=;=;=;=;;=
ArgMax 1;1-1;1-1;T;$6;axis:i keepdims:i;T:1|11;=;=;=;=;=;=|12;=;=;=;=;axis:i keepdims:i select_last_index:i;=|13;=;=;=;=;=;T:2
ArgMin 1;1-1;1-1;T;$6;axis:i keepdims:i;T:1|11;=;=;=;=;=;=|12;=;=;=;=;axis:i keepdims:i select_last_index:i;=|13;=;=;=;=;=;T:2
Asin 7;1-1;1-1;T;T;;T:0|22;=;=;=;=;=;T:3
Asinh 9;1-1;1-1;T;T;;T:0|22;=;=;=;=;=;T:3
Atan 7;1-1;1-1;T;T;;T:0|22;=;=;=;=;=;T:3
Atanh 9;1-1;1-1;T;T;;T:0|22;=;=;=;=;=;T:3
AveragePool 1;1-1;1-1;T;T;auto_pad:s kernel_shape:I! pads:I strides:I;T:0|7;=;=;=;=;auto_pad:s count_include_pad:i kernel_shape:I! pads:I strides:I;=|10;=;=;=;=;auto_pad:s ceil_mode:i count_include_pad:i kernel_shape:I! pads:I strides:I;=|11;=;=;=;=;=;=|19;=;=;=;=;auto_pad:s ceil_mode:i count_include_pad:i dilations:I kernel_shape:I! pads:I strides:I;=|22;=;=;=;=;=;T:3
BatchNormalization 1;5-5;1-5;T T T T T;T T? T? T? T?;consumed_inputs:I! epsilon:f is_test:i momentum:f spatial:i;T:0|6;=;=;=;=;epsilon:f is_test:i momentum:f spatial:i;=|7;=;=;=;=;epsilon:f momentum:f spatial:i;=|9;=;=;=;=;epsilon:f momentum:f;=|14;=;1-3;T T T U U;T U? U?;epsilon:f momentum:f training_mode:i;T:3 U:3|15;=;=;T T1 T1 T2 T2;T T2? T2?;=;T:3 T1:3 T2:3
Bernoulli 15;1-1;1-1;T1;T2;dtype:i seed:f;T1:0 T2:8|22;=;=;=;=;=;T1:3 T2:8
BitShift 11;2-2;1-1;T T;T;direction:s!;T:9
BitwiseAnd 18;2-2;1-1;T T;T;;T:10
BitwiseNot 18;1-1;1-1;T;T;;T:10
BitwiseOr 18;2-2;1-1;T T;T;;T:10
BitwiseXor 18;2-2;1-1;T T;T;;T:10
BlackmanWindow 17;1-1;1-1;T1;T2;output_datatype:i periodic:i;T1:11 T2:2
Cast 1;1-1;1-1;T1;T2;to:s!;T1:12 T2:12|6;=;=;=;=;to:i!;=|9;=;=;=;=;=;T1:13 T2:13|13;=;=;=;=;=;T1:14 T2:14|19;=;=;=;=;saturate:i to:i!;T1:15 T2:15|21;=;=;=;=;=;T1:16 T2:16
CastLike 15;2-2;1-1;T1 T2;T2;;T1:14 T2:14|19;=;=;=;=;saturate:i;T1:15 T2:15|21;=;=;=;=;=;T1:16 T2:16
Ceil 1;1-1;1-1;T;T;consumed_inputs:I;T:0|6;=;=;=;=;;=|13;=;=;=;=;=;T:3
Celu 12;1-1;1-1;T;T;alpha:f;T:17
CenterCropPad 18;2-2;1-1;T Tind;T;axes:I;T:18 Tind:11
Clip 1;1-1;1-1;T;T;consumed_inputs:I max:f min:f;T:0|6;=;=;=;=;max:f min:f;=|11;1-3;=;T T? T?;=;;=|12;=;=;=;=;=;T:1|13;=;=;=;=;=;T:2
Col2Im 18;3-3;1-1;T $6 $6;T;dilations:I pads:I strides:I;T:18
Compress 9;2-2;1-1;T T1;T;axis:i;T:19 T1:7|11;=;=;=;=;=;=
Concat 1;1-;1-1;T*;T;axis:i;T:0|4;=;=;=;=;axis:i!;T:19|11;=;=;=;=;=;=|13;=;=;=;=;=;T:18
ConcatFromSequence 11;1-1;1-1;S;T;axis:i! new_axis:i;S:20 T:19
Constant 1;0-0;1-1;;T;value:t!;T:0|9;=;=;=;=;=;T:19|11;=;=;=;=;sparse_value:p value:t;=|12;=;=;=;=;sparse_value:p value:t value_float:f value_floats:F value_int:i value_ints:I value_string:s value_strings:S;=|13;=;=;=;=;=;T:18|19;=;=;=;=;=;T:21|21;=;=;=;=;=;T:22
ConstantOfShape 9;1-1;1-1;T1;T2;value:t;T1:6 T2:12|20;=;=;=;=;=;T1:6 T2:23|21;=;=;=;=;=;T1:6 T2:24
Conv 1;2-3;1-1;T T T?;T;auto_pad:s dilations:I group:i kernel_shape:I pads:I strides:I;T:0|11;=;=;=;=;=;=|22;=;=;=;=;=;T:3
ConvInteger 10;2-4;1-1;T1 T2 T1? T2?;T3;auto_pad:s dilations:I group:i kernel_shape:I pads:I strides:I;T1:25 T2:25 T3:26
ConvTranspose 1;2-3;1-1;T T T?;T;auto_pad:s dilations:I group:i kernel_shape:I output_padding:I output_shape:I pads:I strides:I;T:0|11;=;=;=;=;=;=|22;=;=;=;=;=;T:3
Cos 7;1-1;1-1;T;T;;T:0|22;=;=;=;=;=;T:3
Cosh 9;1-1;1-1;T;T;;T:0|22;=;=;=;=;=;T:3
CumSum 11;2-2;1-1;T T2;T;exclusive:i reverse:i;T:27 T2:11|14;=;=;=;=;=;T:5 T2:11
DFT 17;1-2;1-1;T1 T2?;T1;axis:i inverse:i onesided:i;T1:3 T2:11|20;1-3;=;T1 T2? $6?;=;inverse:i onesided:i;=
DeformConv 19;3-5;1-1;T T T T? T?;T;dilations:I group:i kernel_shape:I offset_group:i pads:I strides:I;T:0|22;=;=;=;=;=;T:3
DepthToSpace 1;1-1;1-1;T;T;blocksize:i!;T:19|11;=;=;=;=;blocksize:i! mode:s;=|13;=;=;=;=;=;T:18
DequantizeLinear 10;2-3;1-1;T $17 T?;$17;;T:28|13;=;=;=;=;axis:i;=|19;=;=;T1 T2 T1?;T2;=;T1:29 T2:30|21;=;=;=;=;axis:i block_size:i;T1:31 T2:30
Det 11;1-1;1-1;T;T;;T:0|22;=;=;=;=;=;T:3
Div 1;2-2;1-1;T T;T;axis:i broadcast:i consumed_inputs:I;T:0|6;=;=;=;=;axis:i broadcast:i;T:4|7;=;=;=;=;;=|13;=;=;=;=;=;T:5|14;=;=;=;=;=;T:2
Dropout 1;1-1;1-2;T;T T?;consumed_inputs:I is_test:i ratio:f;T:0|6;=;=;=;=;is_test:i ratio:f;=|7;=;=;=;=;ratio:f;=|10;=;=;=;T T1?;=;T:0 T1:7|12;1-3;=;T T1? T2?;T T2?;seed:i;T:0 T1:0 T2:7|13;=;=;=;=;=;T:3 T1:0 T2:7|22;=;=;=;=;=;T:32 T1:32 T2:7
DynamicQuantizeLinear 11;1-1;3-3;T1;T2 $17 T2;;T1:17 T2:33
Einsum 12;1-;1-1;T*;T;equation:s!;T:1
Elu 1;1-1;1-1;T;T;alpha:f consumed_inputs:I;T:0|6;=;=;=;=;alpha:f;=|22;=;=;=;=;=;T:3
Equal 1;2-2;1-1;T T;T1;axis:i broadcast:i;T:34 T1:7|7;=;=;=;=;;=|11;=;=;=;=;=;T:12 T1:7|13;=;=;=;=;=;T:8 T1:7|19;=;=;=;=;=;T:14 T1:7
Erf 9;1-1;1-1;T;T;;T:1|13;=;=;=;=;=;T:2
Exp 1;1-1;1-1;T;T;consumed_inputs:I;T:0|6;=;=;=;=;;=|13;=;=;=;=;=;T:3
Expand 8;2-2;1-1;T $6;T;;T:19|13;=;=;=;=;=;T:18
EyeLike 9;1-1;1-1;T1;T2;dtype:i k:i;T1:12 T2:12|22;=;=;=;=;=;T1:8 T2:8
Flatten 1;1-1;1-1;T;T;axis:i;T:0|9;=;=;=;=;=;T:19|11;=;=;=;=;=;=|13;=;=;=;=;=;T:18|21;=;=;=;=;=;T:22
Floor 1;1-1;1-1;T;T;consumed_inputs:I;T:0|6;=;=;=;=;;=|13;=;=;=;=;=;T:3
GRU 1;3-6;2-2;T T T T? T1? T?;T? T;activation_alpha:F activation_beta:F activations:S clip:f direction:s hidden_size:i output_sequence:i;T:0 T1:26|3;=;0-2;=;T? T?;activation_alpha:F activation_beta:F activations:S clip:f direction:s hidden_size:i linear_before_reset:i output_sequence:i;=|7;=;=;=;=;activation_alpha:F activation_beta:F activations:S clip:f direction:s hidden_size:i linear_before_reset:i;=|14;=;=;=;=;activation_alpha:F activation_beta:F activations:S clip:f direction:s hidden_size:i layout:i linear_before_reset:i;=|22;=;=;=;=;=;T:3 T1:26
Gather 1;2-2;1-1;T Tind;T;axis:i;T:19 Tind:11|11;=;=;=;=;=;=|13;=;=;=;=;=;T:18 Tind:11
GatherElements 11;2-2;1-1;T Tind;T;axis:i;T:19 Tind:11|13;=;=;=;=;=;T:18 Tind:11
GatherND 11;2-2;1-1;T $6;T;;T:19|12;=;=;=;=;batch_dims:i;=|13;=;=;=;=;=;T:18
Gelu 20;1-1;1-1;T;T;approximate:s;T:3
Gemm 1;3-3;1-1;T T T;T;alpha:f beta:f broadcast:i transA:i transB:i;T:0|6;=;=;=;=;=;=|7;=;=;=;=;alpha:f beta:f transA:i transB:i;=|9;=;=;=;=;=;T:4|11;2-3;=;T T T?;=;=;=|13;=;=;=;=;=;T:5
GlobalAveragePool 1;1-1;1-1;T;T;;T:0|22;=;=;=;=;=;T:3
GlobalLpPool 1;1-1;1-1;T;T;p:f;T:0|2;=;=;=;=;p:i;T:3|22;=;=;=;=;=;T:0
GlobalMaxPool 1;1-1;1-1;T;T;;T:0|22;=;=;=;=;=;T:3
Greater 1;2-2;1-1;T T;T1;axis:i broadcast:i;T:0 T1:7|7;=;=;=;=;;=|9;=;=;=;=;=;T:1 T1:7|13;=;=;=;=;=;T:2 T1:7
GreaterOrEqual 12;2-2;1-1;T T;T1;;T:1 T1:7|16;=;=;=;=;=;T:2 T1:7
GridSample 16;2-2;1-1;T1 T2;T1;align_corners:i mode:s padding_mode:s;T1:19 T2:0|20;=;=;=;=;=;=|22;=;=;=;=;=;T1:18 T2:3
GroupNormalization 18;3-3;1-1;T T T;T;epsilon:f num_groups:i!;T:3|21;=;=;=;=;epsilon:f num_groups:i! stash_type:i;=
HammingWindow 17;1-1;1-1;T1;T2;output_datatype:i periodic:i;T1:11 T2:2
HannWindow 17;1-1;1-1;T1;T2;output_datatype:i periodic:i;T1:11 T2:2
HardSigmoid 1;1-1;1-1;T;T;alpha:f beta:f consumed_inputs:I;T:0|6;=;=;=;=;alpha:f beta:f;=|22;=;=;=;=;=;T:3
HardSwish 14;1-1;1-1;T;T;;T:0|22;=;=;=;=;=;T:3
Hardmax 1;1-1;1-1;T;T;axis:i;T:0|11;=;=;=;=;=;=|13;=;=;=;=;=;T:3
Identity 1;1-1;1-1;T;T;;T:19|13;=;=;=;=;=;T:18|14;=;=;V;V;=;V:35|16;=;=;=;=;=;V:36|19;=;=;=;=;=;V:37|21;=;=;=;=;=;V:38
If 1;1-1;1-;B;V+;else_branch:g! then_branch:g!;V:19 B:7|11;=;=;=;=;=;=|13;=;=;=;=;=;V:39 B:7|16;=;=;=;=;=;V:36 B:7|19;=;=;=;=;=;V:37 B:7|21;=;=;=;=;=;V:38 B:7
ImageDecoder 20;1-1;1-1;T1;T2;pixel_format:s;T1:33 T2:33
InstanceNormalization 1;3-3;1-1;T T T;T;consumed_inputs:I epsilon:f;T:0|6;=;=;=;=;epsilon:f;=|22;=;=;=;=;=;T:3
IsInf 10;1-1;1-1;T1;T2;detect_negative:i detect_positive:i;T1:40 T2:7|20;=;=;=;=;=;T1:32 T2:7
IsNaN 9;1-1;1-1;T1;T2;;T1:0 T2:7|13;=;=;=;=;=;T1:3 T2:7|20;=;=;=;=;=;T1:32 T2:7
LRN 1;1-1;1-1;T;T;alpha:f beta:f bias:f size:i!;T:0|13;=;=;=;=;=;T:3
LSTM 1;3-8;0-3;T T T T? T1? T? T? T?;T? T? T?;activation_alpha:F activation_beta:F activations:S clip:f direction:s hidden_size:i input_forget:i output_sequence:i;T:0 T1:26|7;=;=;=;=;activation_alpha:F activation_beta:F activations:S clip:f direction:s hidden_size:i input_forget:i;=|14;=;=;=;=;activation_alpha:F activation_beta:F activations:S clip:f direction:s hidden_size:i input_forget:i layout:i;=|22;=;=;=;=;=;T:3 T1:26
LayerNormalization 17;2-3;1-3;T T T?;T U? U?;axis:i epsilon:f stash_type:i;T:3 U:41
LeakyRelu 1;1-1;1-1;T;T;alpha:f consumed_inputs:I;T:0|6;=;=;=;=;alpha:f;=|16;=;=;=;=;=;T:3
Less 1;2-2;1-1;T T;T1;axis:i broadcast:i;T:0 T1:7|7;=;=;=;=;;=|9;=;=;=;=;=;T:1 T1:7|13;=;=;=;=;=;T:2 T1:7
LessOrEqual 12;2-2;1-1;T T;T1;;T:1 T1:7|16;=;=;=;=;=;T:2 T1:7
Log 1;1-1;1-1;T;T;consumed_inputs:I;T:0|6;=;=;=;=;;=|13;=;=;=;=;=;T:3
LogSoftmax 1;1-1;1-1;T;T;axis:i;T:0|11;=;=;=;=;=;=|13;=;=;=;=;=;T:3
Loop 1;3-;1-;I? B? V+;V+;body:g!;V:19 I:6 B:7|11;2-;=;=;=;=;=|13;=;=;=;=;=;V:39 I:6 B:7|16;=;=;=;=;=;V:36 I:6 B:7|19;=;=;=;=;=;V:37 I:6 B:7|21;=;=;=;=;=;V:38 I:6 B:7
LpNormalization 1;1-1;1-1;T;T;axis:i p:i;T:0|22;=;=;=;=;=;T:3
LpPool 1;1-1;1-1;T;T;auto_pad:s kernel_shape:I p:f pads:I strides:I;T:0|2;=;=;=;=;auto_pad:s kernel_shape:I! p:i pads:I strides:I;=|11;=;=;=;=;=;=|18;=;=;=;=;auto_pad:s ceil_mode:i dilations:I kernel_shape:I! p:i pads:I strides:I;=|22;=;=;=;=;=;T:3
MatMul 1;2-2;1-1;T T;T;;T:0|9;=;=;=;=;=;T:4|13;=;=;=;=;=;T:5
MatMulInteger 10;2-4;1-1;T1 T2 T1? T2?;T3;;T1:25 T2:25 T3:26
Max 1;1-;1-1;T*;T;consumed_inputs:I;T:0|6;=;=;=;=;;=|8;=;=;=;=;=;=|12;=;=;=;=;=;T:1|13;=;=;=;=;=;T:2
MaxPool 1;1-1;1-1;T;T;auto_pad:s kernel_shape:I! pads:I strides:I;T:0|8;=;1-2;=;T I?;auto_pad:s kernel_shape:I! pads:I storage_order:i strides:I;T:0 I:6|10;=;=;=;=;auto_pad:s ceil_mode:i dilations:I kernel_shape:I! pads:I storage_order:i strides:I;=|11;=;=;=;=;=;=|12;=;=;=;=;=;T:42 I:6|22;=;=;=;=;=;T:43 I:6
MaxRoiPool 1;2-2;1-1;T T;T;pooled_shape:I! spatial_scale:f;T:0|22;=;=;=;=;=;T:3
MaxUnpool 9;2-3;1-1;T1 T2 T2?;T1;kernel_shape:I! pads:I strides:I;T1:0 T2:6|11;=;=;=;=;=;=|22;=;=;=;=;=;T1:3 T2:6
Mean 1;1-;1-1;T*;T;consumed_inputs:I;T:0|6;=;=;=;=;;=|8;=;=;=;=;=;=|13;=;=;=;=;=;T:3
MeanVarianceNormalization 9;1-1;1-1;T;T;axes:I;T:0|13;=;=;=;=;=;T:3
MelWeightMatrix 17;5-5;1-1;T1 T1 T1 T2 T2;T3;output_datatype:i;T1:11 T2:3 T3:2
Min 1;1-;1-1;T*;T;consumed_inputs:I;T:0|6;=;=;=;=;;=|8;=;=;=;=;=;=|12;=;=;=;=;=;T:1|13;=;=;=;=;=;T:2
Mish 18;1-1;1-1;T;T;;T:0|22;=;=;=;=;=;T:3
Mod 10;2-2;1-1;T T;T;fmod:i;T:1|13;=;=;=;=;=;T:2
Mul 1;2-2;1-1;T T;T;axis:i broadcast:i consumed_inputs:I;T:0|6;=;=;=;=;axis:i broadcast:i;T:4|7;=;=;=;=;;=|13;=;=;=;=;=;T:5|14;=;=;=;=;=;T:2
Multinomial 7;1-1;1-1;T1;T2;dtype:i sample_size:i seed:f;T1:0 T2:11|22;=;=;=;=;=;T1:3 T2:11
Neg 1;1-1;1-1;T;T;consumed_inputs:I;T:0|6;=;=;=;=;;T:44|13;=;=;=;=;=;T:45
NegativeLogLikelihoodLoss 12;2-3;1-1;T Tind T?;T;ignore_index:i reduction:s;T:0 Tind:11|13;=;=;=;=;=;=|22;=;=;=;=;=;T:3 Tind:11
NonMaxSuppression 10;2-5;1-1;$17 $17 $6? $17? $17?;$6;center_point_box:i;|11;=;=;=;=;=;=
NonZero 9;1-1;1-1;T;$6;;T:19|13;=;=;=;=;=;T:18
Not 1;1-1;1-1;T;T;;T:7
OneHot 9;3-3;1-1;T1 T2 T3;T3;axis:i;T1:1 T2:1 T3:19|11;=;=;=;=;=;=
Optional 15;0-1;1-1;V?;O;type:y;V:39 O:46
OptionalGetElement 15;1-1;1-1;O;V;;O:46 V:39|18;=;=;=;=;=;O:47 V:39
OptionalHasElement 15;1-1;1-1;O;B;;O:46 B:7|18;0-1;=;O?;=;=;O:47 B:7
Or 1;2-2;1-1;T T;T1;axis:i broadcast:i;T:7 T1:7|7;=;=;=;=;;=
PRelu 1;2-2;1-1;T T;T;consumed_inputs:I;T:0|6;=;=;=;=;;=|7;=;=;=;=;=;=|9;=;=;=;=;=;T:4|16;=;=;=;=;=;T:5
Pad 1;1-1;1-1;T;T;mode:s paddings:I! value:f;T:0|2;=;=;=;=;mode:s pads:I! value:f;=|11;2-3;=;T $6 T?;=;mode:s;T:1|13;=;=;=;=;=;T:18|18;2-4;=;T $6 T? Tind?;=;=;T:18 Tind:11|19;=;=;=;=;=;=|21;=;=;=;=;=;T:22 Tind:11
Pow 1;2-2;1-1;T T;T;axis:i broadcast:i;T:0|7;=;=;=;=;;=|12;=;=;T T1;=;=;T:48 T1:1|13;=;=;=;=;=;T:49 T1:1|15;=;=;=;=;=;T:49 T1:2
QLinearConv 10;8-9;1-1;T1 $17 T1 T2 $17 T2 $17 T3 T4?;T3;auto_pad:s dilations:I group:i kernel_shape:I pads:I strides:I;T1:25 T2:25 T3:25 T4:26
QLinearMatMul 10;8-8;1-1;T1 $17 T1 T2 $17 T2 $17 T3;T3;;T1:25 T2:25 T3:25|21;=;=;T1 TS T1 T2 TS T2 TS T3;=;=;TS:30 T1:50 T2:50 T3:50
QuantizeLinear 10;2-3;1-1;T1 $17 T2?;T2;;T1:51 T2:25|13;=;=;=;=;axis:i;=|19;=;=;T1 T1 T2?;=;axis:i saturate:i;T1:52 T2:50|21;=;=;=;=;axis:i block_size:i output_dtype:i saturate:i;T1:52 T2:53
RNN 1;3-6;0-2;T T T T? T1? T?;T? T?;activation_alpha:F activation_beta:F activations:S clip:f direction:s hidden_size:i output_sequence:i;T:0 T1:26|7;=;=;=;=;activation_alpha:F activation_beta:F activations:S clip:f direction:s hidden_size:i;=|14;=;=;=;=;activation_alpha:F activation_beta:F activations:S clip:f direction:s hidden_size:i layout:i;=|22;=;=;=;=;=;T:3 T1:26
RandomNormal 1;0-0;1-1;;T;dtype:i mean:f scale:f seed:f shape:I!;T:0|22;=;=;=;=;=;T:3
RandomNormalLike 1;1-1;1-1;T1;T2;dtype:i mean:f scale:f seed:f;T1:19 T2:0|22;=;=;=;=;=;T1:18 T2:3
RandomUniform 1;0-0;1-1;;T;dtype:i high:f low:f seed:f shape:I!;T:0|22;=;=;=;=;=;T:3
RandomUniformLike 1;1-1;1-1;T1;T2;dtype:i high:f low:f seed:f;T1:19 T2:0|22;=;=;=;=;=;T1:18 T2:3
Range 11;3-3;1-1;T T T;T;;T:54
Reciprocal 1;1-1;1-1;T;T;consumed_inputs:I;T:0|6;=;=;=;=;;=|13;=;=;=;=;=;T:3
ReduceL1 1;1-1;1-1;T;T;axes:I keepdims:i;T:4|11;=;=;=;=;=;=|13;=;=;=;=;=;T:5|18;1-2;=;T $6?;=;keepdims:i noop_with_empty_axes:i;=
ReduceL2 1;1-1;1-1;T;T;axes:I keepdims:i;T:4|11;=;=;=;=;=;=|13;=;=;=;=;=;T:5|18;1-2;=;T $6?;=;keepdims:i noop_with_empty_axes:i;=
ReduceLogSum 1;1-1;1-1;T;T;axes:I keepdims:i;T:4|11;=;=;=;=;=;=|13;=;=;=;=;=;T:5|18;1-2;=;T $6?;=;keepdims:i noop_with_empty_axes:i;=
ReduceLogSumExp 1;1-1;1-1;T;T;axes:I keepdims:i;T:4|11;=;=;=;=;=;=|13;=;=;=;=;=;T:5|18;1-2;=;T $6?;=;keepdims:i noop_with_empty_axes:i;=
ReduceMax 1;1-1;1-1;T;T;axes:I keepdims:i;T:4|11;=;=;=;=;=;=|12;=;=;=;=;=;T:55|13;=;=;=;=;=;T:56|18;1-2;=;T $6?;=;keepdims:i noop_with_empty_axes:i;=|20;=;=;=;=;=;T:57
ReduceMean 1;1-1;1-1;T;T;axes:I keepdims:i;T:4|11;=;=;=;=;=;=|13;=;=;=;=;=;T:5|18;1-2;=;T $6?;=;keepdims:i noop_with_empty_axes:i;=
ReduceMin 1;1-1;1-1;T;T;axes:I keepdims:i;T:4|11;=;=;=;=;=;=|12;=;=;=;=;=;T:55|13;=;=;=;=;=;T:56|18;1-2;=;T $6?;=;keepdims:i noop_with_empty_axes:i;=|20;=;=;=;=;=;T:57
ReduceProd 1;1-1;1-1;T;T;axes:I keepdims:i;T:4|11;=;=;=;=;=;=|13;=;=;=;=;=;T:5|18;1-2;=;T $6?;=;keepdims:i noop_with_empty_axes:i;=
ReduceSum 1;1-1;1-1;T;T;axes:I keepdims:i;T:4|11;=;=;=;=;=;=|13;1-2;=;T $6?;=;keepdims:i noop_with_empty_axes:i;T:5
ReduceSumSquare 1;1-1;1-1;T;T;axes:I keepdims:i;T:4|11;=;=;=;=;=;=|13;=;=;=;=;=;T:5|18;1-2;=;T $6?;=;keepdims:i noop_with_empty_axes:i;=
RegexFullMatch 20;1-1;1-1;T1;T2;pattern:s;T1:58 T2:7
Relu 1;1-1;1-1;T;T;consumed_inputs:I;T:0|6;=;=;=;=;;=|13;=;=;=;=;=;T:3|14;=;=;=;=;=;T:45
Reshape 1;1-1;1-1;T;T;consumed_inputs:I shape:I;T:0|5;2-2;=;T $6;=;;T:19|13;=;=;=;=;=;T:18|14;=;=;=;=;allowzero:i;=|19;=;=;=;=;=;T:21|21;=;=;=;=;=;T:22
Resize 10;2-2;1-1;T $17;T;mode:s;T:19|11;3-4;=;T1 T2 $17 $6?;T1;coordinate_transformation_mode:s cubic_coeff_a:f exclude_outside:i extrapolation_value:f mode:s nearest_mode:s;T1:19 T2:0|13;1-4;=;T1 T2? $17? $6?;=;=;T1:18 T2:0|18;=;=;=;=;antialias:i axes:I coordinate_transformation_mode:s cubic_coeff_a:f exclude_outside:i extrapolation_value:f keep_aspect_ratio_policy:s mode:s nearest_mode:s;=|19;=;=;=;=;=;=
ReverseSequence 10;2-2;1-1;T $6;T;batch_axis:i time_axis:i;T:19
RoiAlign 10;3-3;1-1;T1 T1 T2;T1;mode:s output_height:i output_width:i sampling_ratio:i spatial_scale:f;T1:0 T2:6|16;=;=;=;=;coordinate_transformation_mode:s mode:s output_height:i output_width:i sampling_ratio:i spatial_scale:f;=|22;=;=;=;=;=;T1:3 T2:6
Round 11;1-1;1-1;T;T;;T:0|22;=;=;=;=;=;T:3
STFT 17;2-4;1-1;T1 T2 T1? T2?;T1;onesided:i;T1:3 T2:11
Scan 8;2-;1-;I? V+;V+;body:g! directions:I num_scan_inputs:i!;I:6 V:19|9;1-;=;V+;=;body:g! num_scan_inputs:i! scan_input_axes:I scan_input_directions:I scan_output_axes:I scan_output_directions:I;V:19|11;=;=;=;=;=;=|16;=;=;=;=;=;V:18|19;=;=;=;=;=;V:21|21;=;=;=;=;=;V:22
Scatter 9;3-3;1-1;T Tind T;T;axis:i;T:19 Tind:11|11x;=;=;=;=;=;=
ScatterElements 11;3-3;1-1;T Tind T;T;axis:i;T:19 Tind:11|13;=;=;=;=;=;T:18 Tind:11|16;=;=;=;=;axis:i reduction:s;=|18;=;=;=;=;=;=
ScatterND 11;3-3;1-1;T $6 T;T;;T:19|13;=;=;=;=;=;T:18|16;=;=;=;=;reduction:s;=|18;=;=;=;=;=;=
Selu 1;1-1;1-1;T;T;alpha:f consumed_inputs:I gamma:f;T:0|6;=;=;=;=;alpha:f gamma:f;=|22;=;=;=;=;=;T:3
SequenceAt 11;2-2;1-1;S I;T;;S:20 T:19 I:11
SequenceConstruct 11;1-;1-1;T*;S;;T:19 S:20
SequenceEmpty 11;0-0;1-1;;S;dtype:i;S:20
SequenceErase 11;1-2;1-1;S I?;S;;S:20 I:11
SequenceInsert 11;2-3;1-1;S T I?;S;;T:19 S:20 I:11
SequenceLength 11;1-1;1-1;S;I;;S:20 I:6
SequenceMap 17;1-;1-;S V+;S+;body:g!;S:20 V:39
Shape 1;1-1;1-1;T;T1;;T:19 T1:6|13;=;=;=;=;=;T:18 T1:6|15;=;=;=;=;end:i start:i;=|19;=;=;=;=;=;T:21 T1:6|21;=;=;=;=;=;T:22 T1:6
Shrink 9;1-1;1-1;T;T;bias:f lambd:f;T:1
Sigmoid 1;1-1;1-1;T;T;consumed_inputs:I;T:0|6;=;=;=;=;;=|13;=;=;=;=;=;T:3
Sign 9;1-1;1-1;T;T;;T:1|13;=;=;=;=;=;T:2
Sin 7;1-1;1-1;T;T;;T:0|22;=;=;=;=;=;T:3
Sinh 9;1-1;1-1;T;T;;T:0|22;=;=;=;=;=;T:3
Size 1;1-1;1-1;T;T1;;T:19 T1:6|13;=;=;=;=;=;T:18 T1:6|19;=;=;=;=;=;T:21 T1:6|21;=;=;=;=;=;T:22 T1:6
Slice 1;1-1;1-1;T;T;axes:I ends:I! starts:I!;T:19|10;3-5;=;T Tind Tind Tind? Tind?;=;;T:19 Tind:11|11;=;=;=;=;=;=|13;=;=;=;=;=;T:18 Tind:11
Softmax 1;1-1;1-1;T;T;axis:i;T:0|11;=;=;=;=;=;=|13;=;=;=;=;=;T:3
SoftmaxCrossEntropyLoss 12;2-3;1-2;T Tind T?;T T?;ignore_index:i reduction:s;T:0 Tind:11|13;=;=;=;=;=;T:3 Tind:11
Softplus 1;1-1;1-1;T;T;;T:0|22;=;=;=;=;=;T:3
Softsign 1;1-1;1-1;T;T;;T:0|22;=;=;=;=;=;T:3
SpaceToDepth 1;1-1;1-1;T;T;blocksize:i!;T:19|13;=;=;=;=;=;T:18
Split 1;1-2;1-;T T?;T*;axis:i split:I;T:0|2;1-1;=;T;=;=;T:19|11;=;=;=;=;=;=|13;1-2;=;T $6?;=;axis:i;T:18|18;=;=;=;=;axis:i num_outputs:i;=
SplitToSequence 11;1-2;1-1;T I?;S;axis:i keepdims:i;T:19 I:11 S:20
Sqrt 1;1-1;1-1;T;T;consumed_inputs:I;T:0|6;=;=;=;=;;=|13;=;=;=;=;=;T:3
Squeeze 1;1-1;1-1;T;T;axes:I;T:19|11;=;=;=;=;=;=|13;1-2;=;T $6?;=;;T:18|21;=;=;=;=;=;T:22
StringConcat 20;2-2;1-1;T T;T;;T:58
StringNormalizer 10;1-1;1-1;$58;$58;case_change_action:s is_case_sensitive:i locale:s stopwords:S;
StringSplit 20;1-1;2-2;T1;T2 T3;delimiter:s maxsplit:i;T1:58 T2:58 T3:6
Sub 1;2-2;1-1;T T;T;axis:i broadcast:i consumed_inputs:I;T:0|6;=;=;=;=;axis:i broadcast:i;T:4|7;=;=;=;=;;=|13;=;=;=;=;=;T:5|14;=;=;=;=;=;T:2
Sum 1;1-;1-1;T*;T;consumed_inputs:I;T:0|6;=;=;=;=;;=|8;=;=;=;=;=;=|13;=;=;=;=;=;T:3
Tan 7;1-1;1-1;T;T;;T:0|22;=;=;=;=;=;T:3
Tanh 1;1-1;1-1;T;T;consumed_inputs:I;T:0|6;=;=;=;=;;=|13;=;=;=;=;=;T:3
TfIdfVectorizer 9;1-1;1-1;T;T1;max_gram_length:i! max_skip_count:i! min_gram_length:i! mode:s! ngram_counts:I! ngram_indexes:I! pool_int64s:I pool_strings:S weights:F;T:59 T1:17
ThresholdedRelu 10;1-1;1-1;T;T;alpha:f;T:0|22;=;=;=;=;=;T:3
Tile 1;3-3;1-1;T T T;T;;T:0 T1:6|6;2-2;=;T T1;=;=;T:19 T1:6|13;=;=;=;=;=;T:18 T1:6
TopK 1;1-1;2-2;T;T I;axis:i k:i!;T:0 I:6|10;2-2;=;T $6;=;axis:i;=|11;=;=;=;=;axis:i largest:i sorted:i;T:1 I:6
Transpose 1;1-1;1-1;T;T;perm:I;T:19|13;=;=;=;=;=;T:18|21;=;=;=;=;=;T:22
Trilu 14;1-2;1-1;T $6?;T;upper:i;T:18
Unique 11;1-1;1-4;T;T $6? $6? $6?;axis:i sorted:i;T:19
Unsqueeze 1;1-1;1-1;T;T;axes:I!;T:19|11;=;=;=;=;=;=|13;2-2;=;T $6;=;;T:18|21;=;=;=;=;=;T:22
Upsample 1;1-1;1-1;T;T;height_scale:f! mode:s width_scale:f!;T:60|7;=;=;=;=;mode:s scales:F!;T:19|9;2-2;=;T $17;=;mode:s;=|10x;=;=;=;=;=;=
Where 9;3-3;1-1;B T T;T;;B:7 T:19|16;=;=;=;=;=;B:7 T:18
Xor 1;2-2;1-1;T T;T1;axis:i broadcast:i;T:7 T1:7|7;=;=;=;=;;=
ai.onnx.ml.ArrayFeatureExtractor 1;2-2;1-1;T $6;T;;T:61
ai.onnx.ml.Binarizer 1;1-1;1-1;T;T;threshold:f;T:62
ai.onnx.ml.CastMap 1;1-1;1-1;T1;T2;cast_to:s map_form:s max_map:i;T1:63 T2:64
ai.onnx.ml.CategoryMapper 1;1-1;1-1;T1;T2;cats_int64s:I cats_strings:S default_int64:i default_string:s;T1:65 T2:65
ai.onnx.ml.DictVectorizer 1;1-1;1-1;T1;T2;int64_vocabulary:I string_vocabulary:S;T1:63 T2:66
ai.onnx.ml.FeatureVectorizer 1;1-;1-1;T1*;$17;inputdimensions:I;T1:62
ai.onnx.ml.Imputer 1;1-1;1-1;T;T;imputed_value_floats:F imputed_value_int64s:I replaced_value_float:f replaced_value_int64:i;T:62
ai.onnx.ml.LabelEncoder 1;1-1;1-1;T1;T2;classes_strings:S default_int64:i default_string:s;T1:65 T2:65|2;=;=;=;=;default_float:f default_int64:i default_string:s keys_floats:F keys_int64s:I keys_strings:S values_floats:F values_int64s:I values_strings:S;T1:64 T2:64|4;=;=;=;=;default_float:f default_int64:i default_string:s default_tensor:t keys_floats:F keys_int64s:I keys_strings:S keys_tensor:t values_floats:F values_int64s:I values_strings:S values_tensor:t;T1:67 T2:67
ai.onnx.ml.LinearClassifier 1;1-1;2-2;T1;T2 $17;classlabels_ints:I classlabels_strings:S coefficients:F! intercepts:F multi_class:i post_transform:s;T1:62 T2:65
ai.onnx.ml.LinearRegressor 1;1-1;1-1;T;$17;coefficients:F intercepts:F post_transform:s targets:i;T:62
ai.onnx.ml.Normalizer 1;1-1;1-1;T;$17;norm:s;T:62
ai.onnx.ml.OneHotEncoder 1;1-1;1-1;T;$17;cats_int64s:I cats_strings:S zeros:i;T:61
ai.onnx.ml.SVMClassifier 1;1-1;2-2;T1;T2 $17;classlabels_ints:I classlabels_strings:S coefficients:F kernel_params:F kernel_type:s post_transform:s prob_a:F prob_b:F rho:F support_vectors:F vectors_per_class:I;T1:62 T2:65
ai.onnx.ml.SVMRegressor 1;1-1;1-1;T;$17;coefficients:F kernel_params:F kernel_type:s n_supports:i one_class:i post_transform:s rho:F support_vectors:F;T:62
ai.onnx.ml.Scaler 1;1-1;1-1;T;$17;offset:F scale:F;T:62
ai.onnx.ml.TreeEnsemble 5;1-1;1-1;T;T;aggregate_function:i leaf_targetids:I! leaf_weights:t! membership_values:t n_targets:i nodes_falseleafs:I! nodes_falsenodeids:I! nodes_featureids:I! nodes_hitrates:t nodes_missing_value_tracks_true:I nodes_modes:t! nodes_splits:t! nodes_trueleafs:I! nodes_truenodeids:I! post_transform:i tree_roots:I!;T:0
ai.onnx.ml.TreeEnsembleClassifier 1;1-1;2-2;T1;T2 $17;base_values:F class_ids:I class_nodeids:I class_treeids:I class_weights:F classlabels_int64s:I classlabels_strings:S nodes_falsenodeids:I nodes_featureids:I nodes_hitrates:F nodes_missing_value_tracks_true:I nodes_modes:S nodes_nodeids:I nodes_treeids:I nodes_truenodeids:I nodes_values:F post_transform:s;T1:62 T2:65|3;=;=;=;=;base_values:F base_values_as_tensor:t class_ids:I class_nodeids:I class_treeids:I class_weights:F class_weights_as_tensor:t classlabels_int64s:I classlabels_strings:S nodes_falsenodeids:I nodes_featureids:I nodes_hitrates:F nodes_hitrates_as_tensor:t nodes_missing_value_tracks_true:I nodes_modes:S nodes_nodeids:I nodes_treeids:I nodes_truenodeids:I nodes_values:F nodes_values_as_tensor:t post_transform:s;=|5x;=;=;=;=;=;=
ai.onnx.ml.TreeEnsembleRegressor 1;1-1;1-1;T;$17;aggregate_function:s base_values:F n_targets:i nodes_falsenodeids:I nodes_featureids:I nodes_hitrates:F nodes_missing_value_tracks_true:I nodes_modes:S nodes_nodeids:I nodes_treeids:I nodes_truenodeids:I nodes_values:F post_transform:s target_ids:I target_nodeids:I target_treeids:I target_weights:F;T:62|3;=;=;=;=;aggregate_function:s base_values:F base_values_as_tensor:t n_targets:i nodes_falsenodeids:I nodes_featureids:I nodes_hitrates:F nodes_hitrates_as_tensor:t nodes_missing_value_tracks_true:I nodes_modes:S nodes_nodeids:I nodes_treeids:I nodes_truenodeids:I nodes_values:F nodes_values_as_tensor:t post_transform:s target_ids:I target_nodeids:I target_treeids:I target_weights:F target_weights_as_tensor:t;=|5x;=;=;=;=;=;=
ai.onnx.ml.ZipMap 1;1-1;1-1;$17;T;classlabels_int64s:I classlabels_strings:S;T:20
ai.onnx.preview.training.Adagrad 1;3-;1-;T1 T2 T3+;T3+;decay_factor:f epsilon:f norm_coefficient:f;T1:40 T2:6 T3:40
ai.onnx.preview.training.Adam 1;3-;1-;T1 T2 T3+;T3+;alpha:f beta:f epsilon:f norm_coefficient:f norm_coefficient_post:f;T1:40 T2:6 T3:40
ai.onnx.preview.training.Gradient 1;1-;1-;T1+;T2+;xs:S! y:s! zs:S;T1:19 T2:0
ai.onnx.preview.training.Momentum 1;3-;1-;T1 T2 T3+;T3+;alpha:f! beta:f! mode:s! norm_coefficient:f!;T1:40 T2:6 T3:40
`

/** Sets of types that type variables may stand for; a variable names its set by line number. */
export const TYPE_SETS = `
float16 float32 float64
float16 float32 float64 int16 int32 int64 int8 uint16 uint32 uint64 uint8
bfloat16 float16 float32 float64 int16 int32 int64 int8 uint16 uint32 uint64 uint8
bfloat16 float16 float32 float64
float16 float32 float64 int32 int64 uint32 uint64
bfloat16 float16 float32 float64 int32 int64 uint32 uint64
int64
bool
bfloat16 bool float16 float32 float64 int16 int32 int64 int8 uint16 uint32 uint64 uint8
uint16 uint32 uint64 uint8
int16 int32 int64 int8 uint16 uint32 uint64 uint8
int32 int64
bool float16 float32 float64 int16 int32 int64 int8 uint16 uint32 uint64 uint8
bool float16 float32 float64 int16 int32 int64 int8 string uint16 uint32 uint64 uint8
bfloat16 bool float16 float32 float64 int16 int32 int64 int8 string uint16 uint32 uint64 uint8
bfloat16 bool float16 float32 float64 float8e4m3fn float8e4m3fnuz float8e5m2 float8e5m2fnuz int16 int32 int64 int8 string uint16 uint32 uint64 uint8
bfloat16 bool float16 float32 float64 float8e4m3fn float8e4m3fnuz float8e5m2 float8e5m2fnuz int16 int32 int4 int64 int8 string uint16 uint32 uint4 uint64 uint8
float32
bfloat16 bool complex128 complex64 float16 float32 float64 int16 int32 int64 int8 string uint16 uint32 uint64 uint8
bool complex128 complex64 float16 float32 float64 int16 int32 int64 int8 string uint16 uint32 uint64 uint8
#sequence
bfloat16 bool complex128 complex64 float16 float32 float64 float8e4m3fn float8e4m3fnuz float8e5m2 float8e5m2fnuz int16 int32 int64 int8 string uint16 uint32 uint64 uint8
bfloat16 bool complex128 complex64 float16 float32 float64 float8e4m3fn float8e4m3fnuz float8e5m2 float8e5m2fnuz int16 int32 int4 int64 int8 string uint16 uint32 uint4 uint64 uint8
bfloat16 bool float16 float32 float64 float8e4m3fn float8e4m3fnuz float8e5m2 float8e5m2fnuz int16 int32 int64 int8 uint16 uint32 uint64 uint8
bfloat16 bool float16 float32 float64 float8e4m3fn float8e4m3fnuz float8e5m2 float8e5m2fnuz int16 int32 int4 int64 int8 uint16 uint32 uint4 uint64 uint8
int8 uint8
int32
float32 float64 int32 int64 uint32 uint64
int32 int8 uint8
float8e4m3fn float8e4m3fnuz float8e5m2 float8e5m2fnuz int32 int8 uint8
bfloat16 float16 float32
float8e4m3fn float8e4m3fnuz float8e5m2 float8e5m2fnuz int16 int32 int4 int8 uint16 uint4 uint8
bfloat16 float16 float32 float64 float8e4m3fn float8e4m3fnuz float8e5m2 float8e5m2fnuz
uint8
bool int32 int64
#sequence bfloat16 bool complex128 complex64 float16 float32 float64 int16 int32 int64 int8 string uint16 uint32 uint64 uint8
#optional #sequence bfloat16 bool complex128 complex64 float16 float32 float64 int16 int32 int64 int8 string uint16 uint32 uint64 uint8
#optional #sequence bfloat16 bool complex128 complex64 float16 float32 float64 float8e4m3fn float8e4m3fnuz float8e5m2 float8e5m2fnuz int16 int32 int64 int8 string uint16 uint32 uint64 uint8
#optional #sequence bfloat16 bool complex128 complex64 float16 float32 float64 float8e4m3fn float8e4m3fnuz float8e5m2 float8e5m2fnuz int16 int32 int4 int64 int8 string uint16 uint32 uint4 uint64 uint8
#sequence bool complex128 complex64 float16 float32 float64 int16 int32 int64 int8 string uint16 uint32 uint64 uint8
float32 float64
bfloat16 float32
float16 float32 float64 int8 uint8
bfloat16 float16 float32 float64 int8 uint8
float16 float32 float64 int16 int32 int64 int8
bfloat16 float16 float32 float64 int16 int32 int64 int8
#optional
#optional #sequence bool complex128 complex64 float16 float32 float64 int16 int32 int64 int8 string uint16 uint32 uint64 uint8
float16 float32 float64 int32 int64
bfloat16 float16 float32 float64 int32 int64
float8e4m3fn float8e4m3fnuz float8e5m2 float8e5m2fnuz int8 uint8
float32 int32
bfloat16 float16 float32 int32
float8e4m3fn float8e4m3fnuz float8e5m2 float8e5m2fnuz int16 int4 int8 uint16 uint4 uint8
float32 float64 int16 int32 int64
float16 float32 float64 int32 int64 int8 uint32 uint64 uint8
bfloat16 float16 float32 float64 int32 int64 int8 uint32 uint64 uint8
bfloat16 bool float16 float32 float64 int32 int64 int8 uint32 uint64 uint8
string
int32 int64 string
bool float16 float32 float64 int32 int64
float32 float64 int32 int64 string
float32 float64 int32 int64
#map
float32 int64 string
int64 string
float32 float64 int64 string
float32 float64 int16 int32 int64 string
`
