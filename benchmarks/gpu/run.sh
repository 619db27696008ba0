#!/bin/bash
# Everything about physrep on a GPU in at most 9 minutes: run.sh [--dry] [--out FOLDER] [...]
#
# Needs python3 with PyTorch, nvcc, CMake and a C++ compiler; other packages are installed from
# build/gpu-wheels (fetch.sh) without a network. `run.sh --help` lists the options, README.md says
# what comes back. Variables: PYTHON (python3), WHEELS (build/gpu-wheels), KIT_VENV (build/gpu-venv).
set -euo pipefail
cd "$(dirname "$0")/../.."
image=${PYTHON:-python3}
wheels=${WHEELS:-build/gpu-wheels}
venv=${KIT_VENV:-build/gpu-venv}

# python3 may itself belong to a virtual environment, which --system-site-packages does not see:
# its packages are added by a .pth file. Without pip, because ensurepip is not always installed.
if compgen -G "$wheels/*.whl" > /dev/null; then
  python=$venv/bin/python
  if [ ! -x "$python" ]; then
    "$image" -m venv --without-pip --system-site-packages "$venv"
    own=$("$python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
    "$image" - > "$own/image.pth" <<'PYTHON'
import sysconfig
for place in sorted({sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}):
    print(f"import site; site.addsitedir({place!r})")
PYTHON
  fi
  "$image" -m pip --python "$python" install --quiet --no-index --no-deps --no-compile \
    --disable-pip-version-check "$wheels"/*.whl
else
  echo "gpu kit: no wheels in $wheels (fetch.sh makes them); $image is used as it is" >&2
  python=$image
fi
# CMake and ninja are often installed with the image's Python.
export PATH="$PATH:$(dirname "$("$image" -c 'import sys; print(sys.executable)')"):${CUDA_HOME:-/usr/local/cuda}/bin"
export PYTHONPATH="$PWD/plugin:$PWD/training${PYTHONPATH:+:$PYTHONPATH}"
export PYTHONUNBUFFERED=1
exec "$python" benchmarks/gpu/kit.py "$@"
