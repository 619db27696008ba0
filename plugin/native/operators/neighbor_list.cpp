// SPDX-License-Identifier: MIT
// Operator physrep::neighbor_list: the cell list of physrep/neighbors.py (the same edges).

#include <ATen/Parallel.h>
#include <torch/types.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

namespace physrep {

namespace {

using torch::Tensor;
using Vector = std::array<double, 3>;
using Triple = std::array<int64_t, 3>;

constexpr double BINS_PER_CUTOFF = 2.0, MAX_BINS_PER_ATOM = 8.0;
constexpr double FLAT = 1e-6;  // smallest volume, in products of the lengths
constexpr int64_t ATOMS_PER_TASK = 64, EDGES_PER_ATOM = 64;  // the latter a guess

// One edge, its image counted from the atoms as they are given.
struct Edge {
  int64_t center, neighbor;
  Triple shift;
};

struct Atom {
  Vector place;   // inside the cell, A
  Triple bin, whole;
};

// Bins [first, last) along one lattice vector, their image and how far that has moved them, A.
struct Step {
  int64_t first, last, image;
  Vector moved;
};

class CellList {
 public:
  CellList(const Tensor &positions, const Tensor &frame, const Tensor &pbc, double cutoff)
      : n_(positions.size(0)), cutoff_(cutoff) {
    const auto h = frame.to(torch::kFloat64).contiguous();
    const auto flags = pbc.to(torch::kBool).contiguous();
    for (int k = 0; k < 3; k++) {
      periodic_[k] = flags.data_ptr<bool>()[k];
      std::copy_n(h.data_ptr<double>() + 3 * k, 3, frame_[k].begin());
    }
    invert();
    choose_bins();
    place_atoms(positions.to(torch::kFloat64).contiguous());
    sort_atoms();
    make_steps();
  }

  // Edges of the atoms [first, last).
  std::vector<Edge> edges(int64_t first, int64_t last) const {
    std::vector<Edge> found;
    found.reserve(EDGES_PER_ATOM * (last - first));
    for (int64_t i = first; i < last; i++)
      for (const Step &a : steps_of(i, 0))
        for (const Step &b : steps_of(i, 1))
          for (const Step &c : steps_of(i, 2)) search(i, a, b, c, found);
    return found;
  }

  int64_t size() const { return n_; }

 private:
  // Columns of the inverse are the cross products of two rows, divided by the volume.
  void invert() {
    double volume = 0.0, lengths = 1.0;
    for (int k = 0; k < 3; k++) {
      const Vector &a = frame_[(k + 1) % 3], &b = frame_[(k + 2) % 3], &own = frame_[k];
      lengths *= std::sqrt(own[0] * own[0] + own[1] * own[1] + own[2] * own[2]);
      for (int c = 0; c < 3; c++)
        inverse_[c][k] = a[(c + 1) % 3] * b[(c + 2) % 3] - a[(c + 2) % 3] * b[(c + 1) % 3];
    }
    for (int c = 0; c < 3; c++) volume += frame_[0][c] * inverse_[c][0];
    TORCH_CHECK(std::abs(volume) > FLAT * lengths, "the cell is flat or not finite (volume ",
                volume,
                " A^3); give three lattice vectors that span a volume, or set pbc to False "
                "where there is no period");
    for (auto &row : inverse_)
      for (double &x : row) x /= volume;
  }

  void choose_bins() {
    double count = 1.0;
    Vector heights;
    for (int k = 0; k < 3; k++) {
      double square = 0.0;
      for (int c = 0; c < 3; c++) square += inverse_[c][k] * inverse_[c][k];
      heights[k] = 1.0 / std::sqrt(square);
      bins_[k] = std::max<int64_t>(1, std::floor(heights[k] * BINS_PER_CUTOFF / cutoff_));
      count *= static_cast<double>(bins_[k]);
    }
    const double limit = MAX_BINS_PER_ATOM * static_cast<double>(std::max<int64_t>(n_, 1));
    const double shrink = std::max(1.0, std::cbrt(count / limit));
    for (int k = 0; k < 3; k++) {
      bins_[k] = std::max<int64_t>(1, std::floor(static_cast<double>(bins_[k]) / shrink));
      reach_[k] = std::ceil(cutoff_ * static_cast<double>(bins_[k]) / heights[k]);
    }
  }

  void place_atoms(const Tensor &positions) {
    const double *const x = positions.data_ptr<double>();
    for (int64_t k = 0; k < 3 * n_; k++)
      TORCH_CHECK(std::isfinite(x[k]),
                  "positions hold NaN or infinity: the simulation has blown "
                  "up before here");
    std::vector<Vector> fractional(n_);
    atoms_.resize(n_);
    Vector low{1e300, 1e300, 1e300}, high{-1e300, -1e300, -1e300};
    for (int64_t i = 0; i < n_; i++)
      for (int k = 0; k < 3; k++) {
        double f = 0.0;
        for (int c = 0; c < 3; c++) f += x[3 * i + c] * inverse_[c][k];
        const double whole = periodic_[k] ? std::floor(f) : 0.0;
        atoms_[i].whole[k] = static_cast<int64_t>(whole);
        fractional[i][k] = f - whole;
        low[k] = std::min(low[k], f - whole);
        high[k] = std::max(high[k], f - whole);
      }
    for (int64_t i = 0; i < n_; i++) {
      for (int k = 0; k < 3; k++) {
        // Atoms stand between the outer faces where there is no period.
        double &f = fractional[i][k];
        if (!periodic_[k]) f -= 0.5 * (low[k] + high[k]) - 0.5;
        f = std::max(f, 0.0);
        atoms_[i].bin[k] = std::min(static_cast<int64_t>(f * bins_[k]), bins_[k] - 1);
      }
      atoms_[i].place = cartesian(fractional[i]);
    }
  }

  void sort_atoms() {
    start_.assign(bins_[0] * bins_[1] * bins_[2] + 1, 0);
    for (const auto &atom : atoms_) start_[flat(atom.bin) + 1]++;
    for (size_t b = 1; b < start_.size(); b++) start_[b] += start_[b - 1];
    std::vector<int64_t> next(start_.begin(), start_.end() - 1);
    order_.resize(n_);
    places_.resize(n_);
    for (int64_t i = 0; i < n_; i++) {
      const int64_t at = next[flat(atoms_[i].bin)]++;
      order_[at] = i;
      places_[at] = atoms_[i].place;
    }
  }

  // The bins within reach along one lattice vector, from each bin, and their images. Bins along the
  // last one lie side by side, and so do their atoms: those of one image are one step.
  void make_steps() {
    for (int k = 0; k < 3; k++) {
      steps_[k].resize(bins_[k]);
      for (int64_t home = 0; home < bins_[k]; home++)
        for (int64_t target = home - reach_[k]; target <= home + reach_[k]; target++) {
          const int64_t image =
              target >= 0 ? target / bins_[k] : -((bins_[k] - 1 - target) / bins_[k]);
          if (image != 0 && !periodic_[k]) continue;
          const int64_t bin = target - image * bins_[k];
          auto &steps = steps_[k][home];
          if (k == 2 && !steps.empty() && steps.back().image == image) {
            steps.back().last = bin + 1;
            continue;
          }
          Step step{bin, bin + 1, image, {}};
          for (int c = 0; c < 3; c++) step.moved[c] = static_cast<double>(image) * frame_[k][c];
          steps.push_back(step);
        }
    }
  }

  const std::vector<Step> &steps_of(int64_t i, int k) const { return steps_[k][atoms_[i].bin[k]]; }

  void search(int64_t i, const Step &x, const Step &y, const Step &z,
              std::vector<Edge> &found) const {
    const int64_t row = flat({x.first, y.first, 0});
    const int64_t first = start_[row + z.first], last = start_[row + z.last];
    if (first == last) return;
    const Atom &own = atoms_[i];
    const Triple image{x.image, y.image, z.image};
    const bool home = image[0] == 0 && image[1] == 0 && image[2] == 0;
    Vector moved;
    for (int k = 0; k < 3; k++) moved[k] = x.moved[k] + y.moved[k] + z.moved[k] - own.place[k];
    for (int64_t at = first; at < last; at++) {
      double square = 0.0;
      for (int k = 0; k < 3; k++) {
        const double d = places_[at][k] + moved[k];
        square += d * d;
      }
      if (square >= cutoff_ * cutoff_) continue;
      const int64_t j = order_[at];
      if (home && i == j) continue;
      Edge edge{i, j, image};
      for (int k = 0; k < 3; k++) edge.shift[k] += own.whole[k] - atoms_[j].whole[k];
      found.push_back(edge);
    }
  }

  int64_t flat(const Triple &bin) const { return (bin[0] * bins_[1] + bin[1]) * bins_[2] + bin[2]; }

  Vector cartesian(const Vector &f) const {
    Vector x{};
    for (int c = 0; c < 3; c++)
      x[c] = f[0] * frame_[0][c] + f[1] * frame_[1][c] + f[2] * frame_[2][c];
    return x;
  }

  int64_t n_;
  double cutoff_;
  std::array<bool, 3> periodic_;
  std::array<Vector, 3> frame_, inverse_;
  Triple bins_, reach_;
  std::vector<Atom> atoms_;
  std::vector<int64_t> order_, start_;
  std::vector<Vector> places_;  // in the order of order_
  std::array<std::vector<std::vector<Step>>, 3> steps_;
};

}  // namespace

// (edge_index (2, n_edges), shifts (n_edges, 3)), int64, of all pairs nearer than the cutoff.
//
// positions (n_atoms, 3), frame (3, 3) with rows that span a volume, pbc (3) bool.
std::tuple<Tensor, Tensor> neighbor_list(const Tensor &positions, const Tensor &frame,
                                         const Tensor &pbc, double cutoff) {
  TORCH_CHECK(positions.device().is_cpu() && frame.device().is_cpu() && pbc.device().is_cpu(),
              "physrep operators run on the CPU, got tensors on ", positions.device());
  TORCH_CHECK(positions.dim() == 2 && positions.size(1) == 3, "positions must be (n_atoms, 3)");
  const at::NoGradGuard no_grad;
  const CellList list(positions, frame, pbc, cutoff);
  const int64_t n_tasks = std::max<int64_t>(1, (list.size() + ATOMS_PER_TASK - 1) / ATOMS_PER_TASK);
  std::vector<std::vector<Edge>> parts(n_tasks);
  at::parallel_for(0, n_tasks, 1, [&](int64_t first, int64_t last) {
    for (int64_t k = first; k < last; k++)
      parts[k] = list.edges(k * ATOMS_PER_TASK, std::min(list.size(), (k + 1) * ATOMS_PER_TASK));
  });
  int64_t n_edges = 0;
  for (const auto &part : parts) n_edges += static_cast<int64_t>(part.size());
  auto index = torch::empty({2, n_edges}, torch::kInt64);
  auto shifts = torch::empty({n_edges, 3}, torch::kInt64);
  int64_t *i = index.data_ptr<int64_t>(), *j = i + n_edges, *s = shifts.data_ptr<int64_t>();
  for (const auto &part : parts)
    for (const auto &edge : part) {
      *i++ = edge.center;
      *j++ = edge.neighbor;
      s = std::copy(edge.shift.begin(), edge.shift.end(), s);
    }
  return {index, shifts};
}

}  // namespace physrep
