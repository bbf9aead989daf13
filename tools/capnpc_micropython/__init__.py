# SPDX-License-Identifier: MIT
"""The schema compiler: Cap'n Proto schemas to modules of declarations for capnrpc_micro.

From the command line to the file, each module knows only those below it:

    __main__     options, reading the request, writing files
    parse        schema files to a CodeGeneratorRequest, in a child process
    stub         the stub of a module: classes for editors and type checkers
    hints        types of a schema as type hints
    emit         one requested file to the text of its module
    annotations  which annotations a program sees
    values       defaults and constants as Python expressions
    names        schema names as Python names, and where each type is found
    brands       types with their type parameters replaced
    nodes        the CodeGeneratorRequest: nodes by id, the files and their types
    text         Python expressions laid out in lines
"""
