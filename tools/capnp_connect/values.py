# SPDX-License-Identifier: MIT
"""Arguments of methods as the command line has them, by the schema's types.

Bool           true, false
numbers        21.5, 7, 0x7f
Text, enums    as they are
Data           its text; 0x and hexadecimal digits; @FILE for what is in a file
lists, structs JSON
"""

import json


def parameters(method, arguments):
    """The keywords for a call.

    method      a method's schema
    arguments   texts, name=value

    Raises ValueError; OSError for a file that cannot be read.
    """
    fields = method.param_type.fields
    found = {}
    for argument in arguments:
        name, equals, text = argument.partition("=")
        if not equals:
            raise ValueError("arguments are written name=value")
        if name not in fields:
            raise ValueError(
                "there is no parameter %s, only: %s" % (name, ", ".join(fields) or "none at all")
            )
        try:
            found[name] = _value(fields[name].proto.slot.type.which(), text)
        except ValueError as error:
            raise ValueError("%s: %s" % (name, error)) from None
    return found


def _value(kind, text):
    if kind == "bool":
        if text not in ("true", "false"):
            raise ValueError("expected true or false")
        return text == "true"
    if kind.startswith(("int8", "int16", "int32", "int64", "uint")):
        return int(text, 0)
    if kind.startswith("float"):
        return float(text)
    if kind in ("text", "enum"):
        return text
    if kind == "data":
        return _data(text)
    if kind in ("list", "struct"):
        return json.loads(text)
    raise ValueError("values of this kind (%s) cannot be written here" % kind)


def _data(text):
    if text.startswith("@"):
        with open(text[1:], "rb") as file:
            return file.read()
    if text.startswith("0x"):
        return bytes.fromhex(text[2:])
    return text.encode()
