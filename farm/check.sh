#!/bin/sh
# Holds the manifests against the schemas that Kubernetes and GitHub publish. Needs Python 3.
set -eu
cd "$(dirname "$0")/.."
tools=target/farm-tools
python3 -m pip install --quiet --disable-pip-version-check --root-user-action ignore --target "$tools" --upgrade \
    check-jsonschema kubernetes-validate
export PYTHONPATH="$tools"
python3 -m check_jsonschema --builtin-schema vendor.github-workflows farm/github-actions.yaml
python3 -m kubernetes_validate --strict --kubernetes-version 1.31 farm/kubernetes.yaml
