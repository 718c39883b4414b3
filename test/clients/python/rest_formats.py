"""requests, as OpenVINO Model Server's REST samples use it: status, metadata and the four body formats of predict.

    python rest_formats.py BASE_URL MODEL INPUT [--version N] [--ca FILE --cert FILE --key FILE]
"""

import argparse
import json

import requests


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("base")
    parser.add_argument("model")
    parser.add_argument("input")
    parser.add_argument("--version")
    parser.add_argument("--ca")
    parser.add_argument("--cert")
    parser.add_argument("--key")
    args = parser.parse_args()

    session = requests.Session()
    if args.ca:
        session.verify = args.ca
        session.cert = (args.cert, args.key)
    version = f"/versions/{args.version}" if args.version else ""
    url = f"{args.base}/v1/models/{args.model}{version}"
    batch = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]
    bodies = {
        "row_name": {"instances": [{args.input: row} for row in batch]},
        "row_noname": {"instances": batch},
        "column_name": {"inputs": {args.input: batch}},
        "column_noname": {"inputs": batch},
    }
    results = {
        "status": session.get(url).json(),
        "metadata": session.get(f"{url}/metadata").json(),
    }
    for name, body in bodies.items():
        answer = session.post(f"{url}:predict", data=json.dumps({"signature_name": "serving_default", **body}))
        results[name] = {"status": answer.status_code, **answer.json()}
    print(json.dumps(results))


main()
