async def hello_after_1(request, response, scope):
    try:
        answer = await after_1(response)
        if answer is None or answer is response:
            return response
        answer = respond_hook(answer).owned_by(request.exchange)
        return answer if is_finished(answer) else await start_stream(request, answer)
    except Exception as error:
        scope.note(error)
        return await convert(request, error)


async def hello_steps(request, scope):
    if request.content is None and not request.take_content():
        await request.read()
    def in_worker(request):
        answer = before_1(request)
        if answer is not None:
            return scope.close_here(respond_hook(answer).owned_by(request.exchange))
        return None
    response = await scope.hop(request.exchange.loop_state.handlers, in_worker, None)
    if response is not None:
        return response
    value = await handler()
    return respond(value).owned_by(request.exchange)


async def hello_core(request, scope):
    try:
        try:
            response = await scope.complete(await hello_steps(request, scope))
        except BaseException as failure:
            raise await scope.fail(failure)
        return response
    except Exception as error:
        return await convert(request, error)


async def hello(request):
    scope = Scope(request, request.deadline_at is not None)
    if request.deadline_at is None:
        response = await hello_core(request, scope)
    else:
        response = await guard(request, hello_core, scope)
    if scope.after_count < 1:
        response = await hello_after_1(request, response, scope)
    return response
