// SPDX-License-Identifier: MIT
// pair_style physrep [charge Q] [device cpu|cuda] [memory keep|system] [guard on|off]
//                    [deviation N FILE] [warn X] [stop Y]
// pair_coeff * * ean.pt C H N O          (one element per LAMMPS atom type)

#ifndef LMP_PAIR_PHYSREP_H
#define LMP_PAIR_PHYSREP_H

#include "pair.h"

#include "model.h"

#include <fstream>
#include <memory>
#include <string>
#include <vector>

namespace LAMMPS_NS {

// The LAMMPS side of an exported potential: settings, neighbour list, messages between ranks,
// tallies. Features of ghosts are exchanged before every layer, so that ghosts are needed within
// one cutoff only, and not within n_layers cutoffs. One rank takes the same path: LAMMPS then
// copies rows between an atom and its images.
class PairPhysRep : public Pair, private physrep::Exchange {
 public:
  explicit PairPhysRep(class LAMMPS *lmp);
  ~PairPhysRep() override;

  void settings(int narg, char **arg) override;
  void coeff(int narg, char **arg) override;
  void init_style() override;
  double init_one(int i, int j) override;
  void compute(int eflag, int vflag) override;
  // For fix pair: the force deviation of each atom, and the flag by which it asks for it.
  void *extract(const char *name, int &dim) override;
  void *extract_peratom(const char *name, int &n_columns) override;

  int pack_forward_comm(int n, int *list, double *buf, int pbc_flag, int *pbc) override;
  void unpack_forward_comm(int n, int first, double *buf) override;
  int pack_reverse_comm(int n, int first, double *buf) override;
  void unpack_reverse_comm(int n, int *list, double *buf) override;

  // What the last evaluation met on this rank, for the guard; empty where all was well.
  const std::string &contact_problem() const { return contact_problem_; }
  const std::string &not_finite() const { return not_finite_; }
  int64_t tag_of(int i) const;
  const std::string &element(int type) const { return elements_[type]; }

 private:
  std::string one_of(const std::string &keyword, const std::string &value, const char *first,
                     const char *second);
  double charge_of(const std::string &value);
  int set_keyword(int narg, char **arg, int k);
  double limit_of(const std::string &keyword, const std::string &value);
  void allocate();
  void map_elements(int narg, char **arg);
  void load(const std::string &path);
  void announce(const std::string &path);
  std::string type_table() const;
  void check_masses();
  void set_guard();
  void agree_on_error(const std::string &problem);
  void check_lists();

  int excluded_bits() const;
  void find_excluded();
  bool served(int i) const;
  int64_t count_served(int bit) const;
  void check_exclusions();
  [[noreturn]] void refuse_exclusion(const std::string &what);

  void find_rows();
  void build_graph();
  void reserve_edges(const std::vector<int> &own);
  void add_neighbors(int i);
  void note_contact(int i, int j, double distance, double limit);
  bool edges_on_device() const { return edges_.empty() ? device_ == "cuda" : edges_ == "device"; }
  void find_sent();
  void list_pairs();
  void compute_listed();
  void tally_listed();
  void note_not_finite(int i, int j);
  void note_not_finite(int i, double energy);
  void add_virial(const double (&v)[3][3]);
  void tally_energies();
  void tally_forces();
  void tally_virial(int i, int j, const double *vector, const double *slope);

  void check_charges();
  void warn_of_kspace();
  void check_atomic_virials();
  std::string boundary_advice() const;
  void find_charged();
  void place_charged();
  void tally_charges();
  void write_charges();

  void check_deviation();
  bool deviation_due() const;
  void find_deviation();
  std::vector<double> member_forces();
  double energy_deviation();
  void write_deviation();

  void check_heat_flux();
  void place_rows();
  void tally_centroid();

  bool needed() const override;
  void to_ghosts(double *rows, int width) override;
  void from_ghosts(double *rows, int width) override;
  void add_up(double *numbers, int n) override;
  void exchange(double *rows, int width, bool forward);
  double *row(int i) const { return rows_ + int64_t((*place_)[i]) * row_width_ + column_; }

  // LAMMPS sizes its buffers by comm_forward and comm_reverse, and pair hybrid reads these when the
  // style is created, before any file says how wide its features are: so a constant, and wider
  // features go in several messages.
  static constexpr int COLUMNS_AT_ONCE = 64;

  std::string device_ = "cpu";
  std::string edges_ = "";  // host or device: who makes them; empty: the device of a GPU
  std::string memory_ = "keep";
  bool guard_ = true;
  std::unique_ptr<physrep::Model> model_;
  std::vector<std::string> elements_;  // per LAMMPS type from 1; "NULL" where hybrid uses another
  std::vector<int> model_type_;  // per LAMMPS type from 1; -1 where NULL
  std::vector<double> contacts_;  // (n_types + 1)^2 by LAMMPS types: shortest distances, A
  bool lists_checked_ = false;

  physrep::Graph graph_;  // kept between steps for their memory
  physrep::Result result_;
  std::string contact_problem_, not_finite_;
  double nearest_ = 1.0;  // smallest distance below its limit, as a share of it
  std::vector<char> excluded_;  // per atom and ghost: in a group that is excluded against all
  std::vector<int> row_;  // per atom and ghost: its row in the model's arrays
  std::vector<int> message_place_;  // per atom and ghost: its row in messages of a PairList
  const std::vector<int> *place_ = &row_;  // per atom and ghost: its row in messages
  physrep::ChargedAtoms charged_;
  physrep::PairList pairs_;
  bool pairs_listed_ = false;  // whether pairs_ is of LAMMPS' present list
  std::vector<int> ends_;  // per edge: the neighbor as LAMMPS counts atoms

  // Of a committee: every how many steps the deviation of its members is written, 0 for never.
  struct Deviation {
    int every = 0;
    std::string path;
    double warn = 0.0, stop = 0.0;  // eV/A, 0 for no limit
    int asked = 0;  // set by fix pair
    int64_t written = -1;  // the last step
    std::vector<double> forces{0.0};  // of each own atom at the last step it was asked for, eV/A
    std::ofstream file;  // on the first rank
  } deviation_;

  double *rows_ =
      nullptr;  // what is being exchanged: (n_rows, row_width_), columns from column_ on
  int row_width_ = 0;
  int column_ = 0;
  int n_columns_ = 0;
};

}  // namespace LAMMPS_NS

#endif
