def create_after_1_here(given):
    request, response, scope = given
    answer = after_1(response)
    if answer is None or answer is response:
        return response
    return respond_hook(answer).owned_by(request.exchange)


async def create_after_1(request, response, scope):
    try:
        answer = await hop(request.exchange.loop_state.lane_for(request.worker), request.worker, create_after_1_here, (request, response, scope))
        return answer if is_finished(answer) else await start_stream(request, answer)
    except Exception as error:
        scope.note(error)
        return await convert(request, error)


async def create_teardown(request, scope, failure):
    try:
        def in_worker(request):
            _ = teardown_1(failure)
            return _
        _ = await hop(request.exchange.loop_state.cleanup, request.worker, in_worker, request)
    except Exception as error:
        log_failure(request, error)


async def create_steps(request, scope):
    if request.content is None and not request.take_content():
        await request.read()
    def in_worker_2(request):
        answer = before_1(request)
        if answer is not None:
            return scope.close_here(respond_hook(answer).owned_by(request.exchange))
        errors = []
        order = read_order(request, errors)
        if errors:
            raise ValidationFailed(errors)
        session = scope.enter(make_session(), make_session)
        value = handler(order, session)
        response = scope.close_here(respond(value).owned_by(request.exchange))
        if scope.is_closed:
            scope.after_count = 1
            response = create_after_1_here((request, response, scope))
        return response
    response = await scope.hop(request.exchange.loop_state.handlers, in_worker_2, profile)
    return response


async def create_core(request, scope):
    try:
        try:
            response = await scope.complete(await create_steps(request, scope))
        except BaseException as failure:
            raise await scope.fail(failure)
        return response
    except Exception as error:
        return await convert(request, error)


async def create(request):
    scope = Scope(request, request.deadline_at is not None, create_teardown)
    if request.deadline_at is None:
        response = await create_core(request, scope)
    else:
        response = await guard(request, create_core, scope)
    if scope.after_count < 1:
        response = await create_after_1(request, response, scope)
    return response
