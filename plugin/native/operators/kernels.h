// SPDX-License-Identifier: MIT
// What the kernels are given, and the table of them that every instruction set has.
//
// Two of them compute derivatives of a scalar form. A forward pass is the derivative of the form
// with respect to a cotangent, a backward pass the others; given tangents, a double backward pass.
//
//   attention   sum_e o_e w_e + sum_i o_i w_i         weights w of edges and of atoms themselves
//   messages    sum_e w_e sum_f G_ef v_jf c_ef + sum_i w_i sum_f g_if v_if,
//               G_ef = g_if or sum_l Y_el g_ilf,
//               c_ef = 1, sum_b B_eb W_bf, or swish(sum_b B_eb W_bf + b_f)
//
// e is the edge from centre i to neighbour j; edges are sorted by centre. Rows are padded with
// zeros to whole vectors (PADDING). Outputs that are not wanted are null; d_features are written
// where edges have any part in them, all others added to.

#ifndef PHYSREP_KERNELS_H
#define PHYSREP_KERNELS_H

#include <stdint.h>

namespace physrep {

constexpr int64_t PADDING = 64;  // bytes: the widest vectors

// An array to read, with a tangent in double backward passes (null elsewhere).
template <class T> struct Rows {
  T *value = nullptr;
  T *tangent = nullptr;
};

// Centres [first_center, last_center) and their edges: what one thread works on.
struct Block {
  int64_t first_center, last_center, first_edge, last_edge;
};

template <class T> struct AttentionArgs {
  const int64_t *centers, *neighbors;
  int64_t width, heads;            // of the space in which sender and receiver meet, padded
  int64_t n_features, columns;     // the logit reads the first n_features columns of an edge
  bool softmax, dual;
  T scale;                         // of the gated sum
  Rows<const T> sent, received;    // (n_atoms, width), (n_centers, width)
  Rows<const T> vector;            // (heads, width)
  Rows<const T> features, slopes;  // (n_edges, columns), (n_features, heads)
  Rows<const T> envelope;          // (n_edges); null for 1
  Rows<const T> self_bias;         // (heads)
  Rows<const T> edge_cotangent, self_cotangent;  // (n_edges, heads), (n_centers, heads)
  // exp(-sent) and exp(-received), or null: exp(-(s_j + r_i)) is their product, so that no edge
  // needs an exponential of its own. Used where no product can overflow.
  const T *sent_exp, *received_exp;
  const T *saved_logits, *saved_self_logits;     // of the forward pass; null: computed again
  T *weights, *self_weights, *logits, *self_logits;
  T *d_sent, *d_received, *d_vector, *d_features, *d_slopes, *d_envelope, *d_self_bias;
};

template <class T> struct MessageArgs {
  const int64_t *centers, *neighbors;
  int64_t width, heads, head_width;          // width padded; heads * head_width is not
  int64_t n_basis, basis_width;              // 0: no filter; basis_width: n_basis padded
  int64_t columns, basis_start;              // of the edge features
  int64_t n_harmonics, harmonics_start;      // 0: none
  bool swish, dual;
  Rows<const T> weights, self_weights;       // (n_edges, heads), (n_centers, heads) or null
  Rows<const T> values;                      // (n_atoms, width)
  Rows<const T> features;                    // (n_edges, columns)
  Rows<const T> filter, transposed, bias;    // (n_basis, width), (width, basis_width), (width)
  Rows<const T> cotangent;                   // (n_centers, max(1, n_harmonics), width)
  T *messages, *d_weights, *d_self_weights, *d_values, *d_features, *d_filter, *d_bias;
};

// basis_kernel.h: a forward pass writes distances, envelope and features, a backward pass d_vectors
// from what comes in for them (null: nothing).
template <class T> struct BasisArgs {
  T cutoff;
  int64_t n_basis, degree, columns;  // columns: n_basis + degree (degree + 2)
  const T *vectors, *frequencies;    // (n_edges, 3), (n_basis)
  T *distances, *envelope, *features;
  const T *from_distances, *from_envelope, *from_features;
  T *d_vectors;
};

constexpr int64_t MOST_NORMED = 256;  // numbers of a row that is normalised

// rows_kernel.h. The width is a multiple of PADDING bytes, at most MOST_NORMED. Of the outputs out,
// d_message and d_own are written, d_weight and d_bias added to; d_message and d_own go together.
template <class T> struct NormArgs {
  int64_t width;
  bool dual;
  T eps;
  Rows<const T> message, own;  // (n, width); own null: of a readout
  Rows<const T> weight, bias;  // (width); null: no norm
  Rows<const T> cotangent;  // (n, width)
  T *out, *d_message, *d_own, *d_weight, *d_bias;
};

// rows_kernel.h. The channels are a multiple of PADDING bytes; outputs are written.
template <class T> struct InvariantArgs {
  int64_t channels, components;  // components: 3 or 8
  bool dual;
  Rows<const T> moments, cotangent;  // (n, components, channels), (n, 1 or 2, channels)
  T *out, *d_moments;
};

// vector_products_kernel.h. The channels are a multiple of PADDING bytes. Outputs are written: roots
// (n, 5, channels) and changes (n, 3, channels) together, and the other four together, or none.
template <class T> struct VectorProductArgs {
  int64_t channels;
  bool dual;
  Rows<const T> moments, totals, mixed,
      gates;  // (n, 8, channels), (n, 3, channels) twice, (n, ...)
  Rows<const T> from_roots, from_changes;  // what comes in for the outputs; null: nothing
  T *roots, *changes;
  T *d_moments, *d_totals, *d_mixed, *d_gates;
};

constexpr int64_t MOST_DEGREE = 8;
constexpr int64_t CENTERS_AT_ONCE = 8;  // many enough to fill the lanes with their edges

// spectrum_kernel.h: the derivatives of sum_i o_i p_i, p the descriptors (n_centers, columns), with
// respect to the cotangent o and the vectors; with tangents, their changes. Outputs are written.
template <class T> struct SpectrumArgs {
  const int64_t *centers, *neighbors, *types;
  int64_t n_types, degree, terms, columns;  // terms: of one type, sum_l (degree - l + 1) (2 l + 1)
  bool dual;
  T cutoff;
  const T *roots, *mixing, *norms;  // by l; (roots, functions) by l; (degree + 1, degree + 1)
  Rows<const T> vectors, cotangent;
  T *spectrum, *d_vectors;
  T *scratch;  // 4 CENTERS_AT_ONCE n_types terms
};

constexpr int64_t FACTOR_BLOCK = 128;  // atoms whose tables of powers stay in the cache

// Wave vectors that differ in n3 alone, as pairs of the powers n3 and -n3 for n3 = first to last.
struct FactorColumn {
  int64_t n1, n2, first, last;
  int64_t pair;  // the number of the first one
};

// structure_kernel.h: factor_sums adds to sums, atom_sums writes of_atoms.
struct FactorArgs {
  int64_t n_columns;
  const FactorColumn *columns;  // those of one n1 together
  int64_t sizes[3];  // powers of each axis, from 0 on
  const double *fractional;  // (n_atoms, 3)
  const double *charges;  // (n_atoms)
  double *sums;  // (n_pairs, 4)
  const double *factors;  // (n_pairs, 8)
  double *of_atoms;  // (n_atoms, 4): p and dp/df, but for the charge
  double *scratch;  // scratch_size() numbers

  int64_t scratch_size() const { return (2 * (sizes[0] + sizes[1] + sizes[2]) + 5) * FACTOR_BLOCK; }
};

constexpr int64_t MOST_ORDER = 8;  // of splines; rows of weights are filled up with zeros to it
constexpr int64_t USUAL_ORDER = 6;

// mesh_kernel.h. Atoms begin at a row of the mesh; those of row r are sorted[begins[r]] and so on.
struct MeshArgs {
  int64_t order, sizes[3];
  const double *fractional, *charges;  // (n_atoms, 3), (n_atoms)
  int64_t *row_of_atom;  // (n_atoms), written by mesh_starts
  const int64_t *sorted, *begins;  // (n_atoms), (sizes[0] sizes[1] + 1)
  // In the order of `sorted`: by mesh_weights (n_atoms, 2), along the second and third axis, and
  // weights (n_atoms, 3, MOST_ORDER); by mesh_gather (n_atoms, 3), along all axes.
  int64_t *starts;
  double *weights;
  double *mesh;  // written by mesh_rows
  const double *factors;  // g, as the mesh, its rows going on with their beginning for MOST_ORDER
  double *of_atoms;  // (n_atoms, 4), written by mesh_gather: p and dp/df
  double *scratch;  // of mesh_rows: sizes[2] + MOST_ORDER; of mesh_gather: MESH_SCRATCH
};
constexpr int64_t MESH_SCRATCH = 6 * MOST_ORDER * (PADDING / 8);

struct Kernels {
  const char *name;
  // out = exp(-x) for n numbers, a multiple of PADDING bytes; whether products of two are safe.
  bool (*exp_float)(const float *x, float *out, int64_t n);
  bool (*exp_double)(const double *x, double *out, int64_t n);
  void (*attention_float)(const AttentionArgs<float> &, const Block &);
  void (*attention_double)(const AttentionArgs<double> &, const Block &);
  void (*messages_float)(const MessageArgs<float> &, const Block &);
  void (*messages_double)(const MessageArgs<double> &, const Block &);
  // Of the rows or edges [first, last).
  void (*norm_float)(const NormArgs<float> &, int64_t first, int64_t last);
  void (*norm_double)(const NormArgs<double> &, int64_t first, int64_t last);
  void (*invariants_float)(const InvariantArgs<float> &, int64_t first, int64_t last);
  void (*invariants_double)(const InvariantArgs<double> &, int64_t first, int64_t last);
  void (*vector_products_float)(const VectorProductArgs<float> &, int64_t first, int64_t last);
  void (*vector_products_double)(const VectorProductArgs<double> &, int64_t first, int64_t last);
  void (*basis_float)(const BasisArgs<float> &, int64_t first, int64_t last);
  void (*basis_double)(const BasisArgs<double> &, int64_t first, int64_t last);
  void (*spectrum_float)(const SpectrumArgs<float> &, const Block &);
  void (*spectrum_double)(const SpectrumArgs<double> &, const Block &);
  // Of the atoms [first, last).
  void (*factor_sums)(const FactorArgs &, int64_t first, int64_t last);
  void (*atom_sums)(const FactorArgs &, int64_t first, int64_t last);
  void (*mesh_starts)(const MeshArgs &, int64_t first, int64_t last);
  void (*mesh_weights)(const MeshArgs &, int64_t first, int64_t last);
  void (*mesh_rows)(const MeshArgs &, int64_t first, int64_t last);  // of the rows of the mesh
  void (*mesh_gather)(const MeshArgs &, int64_t first, int64_t last);
};

extern const Kernels kernels_baseline, kernels_avx2, kernels_avx512;

}  // namespace physrep

#endif
