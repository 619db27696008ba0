// SPDX-License-Identifier: MIT
// An exported physrep potential: file -> atomic energies and their slopes along the edges.
// This side knows PyTorch and nothing of LAMMPS; pair_*.cpp know LAMMPS and no PyTorch.

#ifndef PHYSREP_MODEL_H
#define PHYSREP_MODEL_H

#include <cstdint>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace physrep {

// A file, device or evaluation that cannot be used; the message says what to do.
class ModelError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// What the file says about itself (its extra file metadata.json).
struct Metadata {
  std::string model;                 // architecture, for example "jat"
  std::string dtype;                 // precision of the network's arithmetic
  std::string verdict;               // of `physrep certify`: pass, warn, fail; empty without
  std::string certificate;           // the same in one line
  std::vector<std::string> species;  // chemical symbols; type t is species[t]
  double cutoff = 0.0;               // A
  int n_layers = 0;
  int width = 0;                     // features of one atom
  int n_members = 1;                 // of a committee; 1 where there is none
  double force_factor = 0.0;         // of a calibrated committee: force error per deviation
  bool readout_reads_neighbors = false;
  bool has_charges = false;
  double smearing = 0.0;  // A, of the charges
  std::map<std::string, double> reference_energies;  // by symbol, eV
  std::map<std::string, double> shortest_distances;  // of pairs such as "C-H" in the data, A
};

// The atoms and edges one rank works on: its own atoms first, then ghosts owned by other ranks.
struct Graph {
  int64_t n_own = 0;
  std::vector<int64_t> types;      // (n_rows) types of the model
  std::vector<int> centers;        // (n_edges) ascending, below n_own
  std::vector<int> neighbors;      // (n_edges) below n_rows
  std::vector<double> vectors;     // (n_edges, 3) x_neighbor - x_center, A
  // Whether moments are wanted, for which each image of an atom has a row of its own, also that of
  // an own atom, and `positions` are given: (n_rows, 3) A from any origin near these atoms.
  bool wants_moments = false;
  std::vector<double> positions;
  bool wants_members = false;  // whether those of Result are; of a committee alone
};

// The same as LAMMPS' list gives it, for a model that makes its edges where it computes. Atoms are
// own atoms, then ghosts and images, as LAMMPS counts them; rows are those of a Graph.
struct PairList {
  int64_t n_own = 0;
  std::vector<int64_t> types;  // (n_rows) types of the model
  const double *positions = nullptr;  // (n_atoms, 3) A
  // What stays between two lists; `renewed` says that it differs from the last evaluation's.
  bool renewed = true;
  std::vector<int> rows;  // (n_atoms) row of each atom
  std::vector<int> centers;  // (n_centers) ascending, below n_own
  std::vector<int> counts;  // (n_centers) listed neighbors of each
  std::vector<int> ends;  // (sum of counts) atoms, also those beyond the cutoff
  std::vector<int> sent;  // (n_sent) own atoms that are ghosts of other ranks
};

// What a potential with charges reads besides the edges, and others do not: the whole structure, and
// where the atoms of this rank that have a charge are in it.
struct ChargedAtoms {
  double total_charge = 0.0;  // e, of the structure
  int64_t n_atoms = 0;  // of the structure, on all ranks
  int64_t first = 0;  // how many of them lower ranks have
  double cell[3][3] = {};  // A, rows
  bool periodic[3] = {};
  bool virials = false;  // of each atom; in three periodic directions
  bool members = false;  // whether what each member of a committee says is wanted
  std::vector<int64_t> atoms;  // (n_charged) ascending, below n_own
  std::vector<double> positions;  // (n_charged, 3) A
};

struct Result {
  std::vector<double> energies;  // (n_own) eV
  std::vector<double> slopes;  // (n_edges, 3) dE/dvectors, eV/A, E summed over all ranks
  // (n_edges, 3, 3) sum_i (x_i - x_center)_a dU_i/dvector_b, eV, U_i the energies of all atoms on
  // all ranks, each taken where the edge sees it; empty where not wanted
  std::vector<double> moments;
  // Of a PairList instead of slopes and moments.
  std::vector<double> forces;  // (n_atoms, 3) eV/A, those on ghosts to be added to their owners'
  double virial[3][3] = {};  // sum over edges of -vector_a dE/dvector_b, eV
  struct Edge {
    int center = -1, end = -1;  // atoms; -1 where there is no such edge
    double length = 0.0;  // A
  };
  Edge contact;  // the shortest one in units of its shortest_contact, if shorter than that
  Edge not_finite;  // the first one whose slope is not a number
  // Of the ChargedAtoms; empty for a potential without charges.
  std::vector<double> charges;  // (n_charged) e
  std::vector<double> long_range;  // (n_charged) eV, each atom's half of its pairs
  std::vector<double> charge_forces;  // (n_charged, 3) eV/A, with the charges held
  double charge_virial[3][3] = {};  // eV, with the charges held; adds up over the ranks
  std::vector<double> charge_virials;  // (n_charged, 6) eV: xx yy zz xy xz yz, where wanted
  // Of each member of a committee, where wanted.
  std::vector<double> member_energies;  // (n_members) eV: own atoms, without long range
  std::vector<double> member_slopes;  // (n_members, n_edges, 3) eV/A
  std::vector<double> member_long_range;  // (n_members) eV, of the whole structure
  std::vector<double> member_charge_forces;  // (n_members, n_charged, 3) eV/A
};

// How rows of numbers, one per atom, travel between own atoms and ghosts. All calls are
// collective: every rank makes the same ones in the same order.
class Exchange {
 public:
  // Whether there are ghosts: rows whose owners are other ranks' atoms or images of own ones.
  virtual bool needed() const = 0;
  // Fill the rows of ghosts from their owners' rows. Rows are those of the Graph; of a PairList they
  // are those of atoms `sent`, then the ghosts', then one that nobody reads.
  virtual void to_ghosts(double *rows, int width) = 0;
  // Add the rows of ghosts to their owners' rows.
  virtual void from_ghosts(double *rows, int width) = 0;
  // Add the numbers of all ranks up, on all of them.
  virtual void add_up(double *numbers, int n) = 0;

 protected:
  ~Exchange() = default;  // not virtual: LAMMPS' classes have destructors that may throw
};

class Model {
 public:
  // Read an exported file. device: "cpu" or "cuda" (then GPU local_rank, counted round);
  // n_threads: threads of PyTorch's operators in this process.
  // Throws ModelError: no such file, not a physrep export, a newer format, no such device.
  Model(const std::string &path, const std::string &device, int local_rank, int n_threads);
  ~Model();
  Model(const Model &) = delete;
  Model &operator=(const Model &) = delete;

  const Metadata &metadata() const;

  // Half the shortest distance of these types in the data, A: nearer means that positions are
  // wrong or that a run has blown up.
  double shortest_contact(int type_a, int type_b) const;

  // Energies of the own atoms and dE/dvectors. Collective over the ranks of `exchange`, also on
  // ranks without atoms. Does not throw: returns what went wrong here, empty when nothing did, so
  // that the ranks stay in step and can agree on an error afterwards.
  std::string evaluate(const Graph &graph, const ChargedAtoms &charged, Exchange &exchange,
                       Result &result);
  // The same from LAMMPS' list: edges are made, and forces summed, on the model's device.
  std::string evaluate(const PairList &list, const ChargedAtoms &charged, Exchange &exchange,
                       Result &result);

 private:
  struct Torch;  // keeps PyTorch's headers out of this one
  std::unique_ptr<Torch> torch_;
  Metadata metadata_;
};

}  // namespace physrep

#endif
