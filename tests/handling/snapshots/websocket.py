async def chat_steps(request, scope):
    room = request.path_params["room"]
    async def handle_socket(socket):
        try:
            _ = await handler(socket, room)
        except BaseException as failure:
            scope.note(failure)
            raise
    return switch(request, handle_socket)


async def chat_core(request, scope):
    try:
        try:
            response = await scope.complete(await chat_steps(request, scope))
        except BaseException as failure:
            raise await scope.fail(failure)
        return response
    except Exception as error:
        return await convert(request, error)


async def chat(request):
    scope = Scope(request, request.deadline_at is not None)
    if request.deadline_at is None:
        response = await chat_core(request, scope)
    else:
        response = await guard(request, chat_core, scope)
    return response
